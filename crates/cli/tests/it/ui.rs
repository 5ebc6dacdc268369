//! The page's door: a daemon and a port when somebody asks for the page, an address that logs in once, and a page that
//! outlives the daemon.

use crate::env::{TestEnv, await_that, is_alive};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;

/// A browser's side of the page.
#[derive(Debug)]
struct Browser {
    port: u16,
    cookie: String,
    token: String,
}

/// An answer: its status, its head, its body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

fn ask(port: u16, line: &str, headers: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = body.len();
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// The port and the code of an address that `ui` gave.
fn parts(url: &str) -> (u16, String) {
    let rest = url.strip_prefix("http://partita.localhost:").unwrap();
    let (port, code) = rest.split_once("/login#").unwrap();
    (port.parse().unwrap(), code.to_owned())
}

fn exchange(port: u16, code: &str) -> Answer {
    let headers = format!(
        "Origin: http://127.0.0.1:{port}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\n"
    );
    ask(
        port,
        "POST /api/login",
        &headers,
        &json!({ "code": code }).to_string(),
    )
}

impl Browser {
    fn at(url: &str) -> Self {
        let (port, code) = parts(url);
        let answer = exchange(port, &code);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let lines = answer.head.lines();
        let mut cookies = lines.filter_map(|line| line.strip_prefix("set-cookie: "));
        let login: Value = serde_json::from_str(&answer.body).unwrap();
        Self {
            port,
            cookie: cookies.next().unwrap().split(';').next().unwrap().to_owned(),
            token: login["page_token"].as_str().unwrap().to_owned(),
        }
    }

    fn reads(&self) -> u16 {
        ask(
            self.port,
            "GET /api/status",
            &format!("Cookie: {}\r\n", self.cookie),
            "",
        )
        .status
    }

    fn creates(&self, chunk: &str) -> u16 {
        let headers = format!(
            "Cookie: {}\r\nOrigin: http://127.0.0.1:{}\r\nPartita-Page-Token: {}\r\nContent-Type: application/json\r\n",
            self.cookie, self.port, self.token
        );
        ask(
            self.port,
            "POST /api/work-units",
            &headers,
            &json!({ "chunk": chunk }).to_string(),
        )
        .status
    }
}

fn address(env: &TestEnv) -> String {
    let shown = env.run(&["ui", "--json"]).json();
    assert_eq!(shown["expires_in_s"], 60, "{shown:#}");
    shown["url"].as_str().unwrap().to_owned()
}

fn is_open(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// A desktop whose opener writes down what it was given.
fn desktop(env: &mut TestEnv, ending: u8) -> std::path::PathBuf {
    let (programs, opened) = (env.path("programs"), env.path("opened"));
    std::fs::create_dir_all(&programs).unwrap();
    let script = format!(
        "#!/bin/sh\necho \"$#: $*\" >>'{}'\nexit {ending}\n",
        opened.display()
    );
    let opener = programs.join("xdg-open");
    std::fs::write(&opener, script).unwrap();
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    env.set("PATH", &format!("{}:{path}", programs.display()));
    env.set("DISPLAY", ":0");
    opened
}

#[test]
fn s3_01_ui_makes_a_daemon_and_a_port_and_an_address_that_logs_in_once() {
    let env = TestEnv::new();
    let url = address(&env);
    let (port, code) = parts(&url);
    assert!(is_alive(env.pid()));
    let page = ask(port, "GET /login", "Sec-Fetch-Site: none\r\n", "");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<title>Partita</title>"), "{}", page.body);
    let browser = Browser::at(&url);
    assert_eq!((browser.reads(), browser.creates("one")), (200, 201));
    assert_eq!(exchange(port, &code).status, 401, "a code is used once");
    assert_eq!(parts(&address(&env)).0, port, "the port that is open");
    let status = env.run(&["status", "--json"]).json();
    assert_eq!(status["port"], json!({ "number": port, "is_open": true }));
    let shown = env.run(&["status"]).ok();
    assert!(
        shown.contains(&format!("http://partita.localhost:{port}/")),
        "{shown}"
    );

    let home = env.home();
    let mode = |name: &str| std::fs::metadata(home.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("page.json"), 0o600);
    let cookie = browser.cookie.split_once('=').unwrap().1;
    for name in [
        "page.json",
        "orchestrator.log",
        "orchestrator.db",
        "orchestrator.db-wal",
    ] {
        let bytes = std::fs::read(home.join(name)).unwrap();
        for secret in [&code, cookie, &browser.token] {
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "a secret is in {name}");
        }
    }
}

#[test]
fn the_desktop_opens_the_address_and_the_terminal_does_not_show_the_code() {
    let mut env = TestEnv::new();
    let opened = desktop(&mut env, 0);
    let given = env.run(&["ui"]);
    assert_eq!(given.code, 0, "{given:#?}");
    let text = std::fs::read_to_string(&opened).unwrap();
    let url = text.strip_prefix("1: ").unwrap().trim_end();
    let (port, code) = parts(url);
    assert!(
        given.out.contains(&format!("http://partita.localhost:{port}/")),
        "{given:#?}"
    );
    assert!(given.err.contains("partita ui --close"), "{given:#?}");
    assert!(
        !given.out.contains(&code) && !given.err.contains(&code),
        "{given:#?}"
    );
    assert_eq!(Browser::at(url).reads(), 200);

    // Neither of these has the browser open anything.
    let printed = env.run(&["ui", "--no-open"]).ok();
    assert_eq!(Browser::at(printed.trim_end()).reads(), 200);
    address(&env);
    assert_eq!(std::fs::read_to_string(&opened).unwrap(), text);
}

#[test]
fn where_no_browser_opens_the_address_is_printed() {
    let mut env = TestEnv::new();
    let without = env.run(&["ui"]);
    assert_eq!(without.code, 0, "{without:#?}");
    assert!(without.err.contains("no desktop"), "{without:#?}");
    assert_eq!(Browser::at(without.out.trim_end()).reads(), 200);

    let opened = desktop(&mut env, 3);
    let failed = env.run(&["ui"]);
    assert_eq!(failed.code, 0, "{failed:#?}");
    assert!(
        opened.exists() && failed.err.contains("`xdg-open` found no browser"),
        "{failed:#?}"
    );
    assert_eq!(Browser::at(failed.out.trim_end()).reads(), 200);

    std::fs::remove_file(env.path("programs/xdg-open")).unwrap();
    env.set("PATH", env.path("programs").to_str().unwrap());
    let missing = env.run(&["ui"]);
    assert_eq!(missing.code, 0, "{missing:#?}");
    assert!(missing.err.contains("cannot be started"), "{missing:#?}");
    assert_eq!(Browser::at(missing.out.trim_end()).reads(), 200);
}

#[test]
fn s3_46_a_page_goes_on_through_kill_and_start_without_a_login() {
    let env = TestEnv::new();
    let browser = Browser::at(&address(&env));
    for life in ["one", "two"] {
        let before = env.pid();
        env.kill_daemon();
        assert!(!is_open(browser.port));
        let started = env.run(&["start"]).ok();
        assert!(
            started.contains(&format!("page: http://partita.localhost:{}/", browser.port)),
            "{started}"
        );
        assert_ne!(env.pid(), before);
        assert_eq!((browser.reads(), browser.creates(life)), (200, 201));
    }
    env.run(&["stop"]).ok();
    assert!(!is_open(browser.port));
    // Any command that needs the daemon starts it, page and all.
    env.run(&["ps"]).ok();
    assert_eq!((browser.reads(), browser.creates("three")), (200, 201));
}

#[test]
fn a_port_that_is_taken_is_said_and_the_daemon_lives() {
    let env = TestEnv::new();
    let browser = Browser::at(&address(&env));
    env.kill_daemon();
    let theirs = TcpListener::bind(("127.0.0.1", browser.port)).unwrap();
    let started = env.run(&["start"]).ok();
    assert!(started.contains("in use"), "{started}");
    let status = env.run(&["status", "--json"]).json();
    assert_eq!(status["port"]["is_open"], false, "{status:#}");
    assert!(
        status["port"]["detail"].as_str().unwrap().contains("in use"),
        "{status:#}"
    );
    let log = std::fs::read_to_string(env.home().join("orchestrator.log")).unwrap();
    assert!(log.contains("the page's port is not opened again"), "{log}");

    let refused = env.run(&["ui", "--port", &browser.port.to_string()]);
    assert_eq!(refused.code, 5, "{refused:#?}");
    for words in [
        "error: cannot open the port",
        "because: ",
        "in use",
        "hint: choose another",
    ] {
        assert!(refused.err.contains(words), "{words}: {refused:#?}");
    }
    let other = Browser::at(&address(&env));
    assert_ne!(other.port, browser.port);
    assert_eq!(other.reads(), 200);
    let two = env.run(&["ui", "--port", &browser.port.to_string()]);
    assert_eq!(two.code, 5, "{two:#?}");
    assert!(
        two.err.contains(&format!("127.0.0.1:{} already", other.port)),
        "{two:#?}"
    );
    drop(theirs);
}

#[test]
fn a_page_that_was_closed_stays_closed() {
    let env = TestEnv::new();
    let browser = Browser::at(&address(&env));
    assert_eq!(
        env.run(&["ui", "--close", "--json"]).json(),
        json!({ "closed": true })
    );
    assert!(!is_open(browser.port));
    env.kill_daemon();
    env.run(&["start"]).ok();
    assert!(!is_open(browser.port));
    assert_eq!(env.run(&["status", "--json"]).json()["port"], Value::Null);
    let again = address(&env);
    assert!(is_open(parts(&again).0));
    let old = Browser {
        port: parts(&again).0,
        ..browser
    };
    assert_eq!(old.reads(), 401, "its session ended with the port");
}

#[test]
fn a_01_the_token_of_an_earlier_life_is_gone() {
    let env = TestEnv::new();
    let port = {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port().to_string()
    };
    let token = env.home().join("token");
    let read = || {
        let mode = std::fs::metadata(&token).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::read_to_string(&token).unwrap()
    };
    env.run(&["start", "--port", &port]).ok();
    let first = read();
    env.kill_daemon();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
    env.run(&["start", "--port", &port]).ok();
    assert_ne!(read(), first);
    env.kill_daemon();
    env.run(&["start"]).ok();
    assert!(!token.exists(), "nothing takes it any more");
    assert!(!is_open(port.parse().unwrap()), "no page was there");
    env.run(&["stop"]).ok();
    env.run(&["start", "--port", &port]).ok();
    // A page at such a port goes on like any other; the token is for those who said `--port`.
    let browser = Browser::at(&address(&env));
    assert_eq!(browser.port.to_string(), port);
    env.run(&["stop"]).ok();
    assert!(!token.exists());
    env.run(&["start"]).ok();
    await_that(|| browser.reads() == 200, "the page goes on");
    assert!(!token.exists());
}
