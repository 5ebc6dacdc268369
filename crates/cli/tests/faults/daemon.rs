//! One life of the daemon, as a child of the test: how it began, how it ended, and the signals that it gets.

use crate::world::{PATIENCE, World};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What a test's build of the daemon is told to do to itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Switches {
    variables: Vec<(&'static str, String)>,
}

impl Switches {
    /// It dies the `n`-th time that it comes by.
    pub(crate) fn crash_at(point: &str, n: u32) -> Self {
        Self::default().with("PARTITA_CRASH_AT", &format!("{point}:{n}"))
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }
}

/// A life of the daemon. It ends with this value at the latest.
pub(crate) struct Daemon {
    child: Child,
    words: mpsc::Receiver<String>,
    word: Option<String>,
    began: Instant,
    ready_after: Option<Duration>,
    ended: Option<ExitStatus>,
}

impl Daemon {
    pub(crate) fn start(world: &World, switches: &Switches) -> Self {
        let log = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(world.path("daemon.log"))
            .unwrap();
        let mut command = world.command(&["__daemon"]);
        command
            .envs(switches.variables.iter().map(|(name, value)| (name, value)))
            .env("PARTITA_CRASH_LOG", world.path("crashes"))
            .env("PARTITA_LOG", "debug")
            .stdout(Stdio::piped())
            .stderr(log);
        let began = Instant::now();
        let mut child = command.spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let (sender, words) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            // A pipe that breaks says what an empty line says.
            let _ = BufReader::new(output).read_line(&mut line);
            let _ = sender.send(line);
        });
        Self {
            child,
            words,
            word: None,
            began,
            ready_after: None,
            ended: None,
        }
    }

    /// What it said when it answered, or why it does not; nothing when it died without a word.
    pub(crate) fn word(&mut self) -> &str {
        if self.word.is_none() {
            let word = self.words.recv_timeout(PATIENCE).expect("it answers or dies");
            if word.trim_end() == "ready" {
                self.ready_after = Some(self.began.elapsed());
            }
            self.word = Some(word);
        }
        self.word.as_deref().unwrap()
    }

    /// Waits until it answers; false when it never will.
    pub(crate) fn is_ready(&mut self) -> bool {
        self.word().trim_end() == "ready"
    }

    pub(crate) fn ready_after(&self) -> Duration {
        self.ready_after.expect("it answered")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.ended = self.ended.or_else(|| self.child.try_wait().unwrap());
        self.ended.is_some()
    }

    /// Waits for its end, and says how long that took.
    #[track_caller]
    pub(crate) fn end(&mut self, limit: Duration) -> (ExitStatus, Duration) {
        let began = Instant::now();
        while !self.is_over() {
            assert!(
                began.elapsed() < limit,
                "the daemon does not end within {limit:?}"
            );
            std::thread::park_timeout(Duration::from_millis(1));
        }
        (self.ended.unwrap(), began.elapsed())
    }

    /// Whether it was killed, as by a test's switch or by ourselves.
    #[track_caller]
    pub(crate) fn was_killed(&mut self) -> bool {
        let (status, _) = self.end(PATIENCE);
        status.signal() == Some(Signal::KILL.as_raw())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Kills it a while from now, wherever it then is. By an open descriptor: another process never gets it.
    pub(crate) fn kill_after(&self, time: Duration) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        let held = pidfd_open(pid, PidfdFlags::empty()).unwrap();
        std::thread::spawn(move || {
            let until = Instant::now() + time;
            while let Some(left) = until.checked_duration_since(Instant::now()) {
                std::thread::park_timeout(left);
            }
            // Gone already is what was wanted.
            let _ = pidfd_send_signal(&held, Signal::KILL);
        });
    }

    pub(crate) fn kill(&mut self) {
        if !self.is_over() {
            self.child.kill().unwrap();
            let _ = self.end(PATIENCE);
        }
    }

    /// Stops it gently.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        self.signal(Signal::TERM);
        let (status, _) = self.end(PATIENCE);
        assert!(status.success(), "it stops gently: {status}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.ended.is_none() {
            // Gone already is what was wanted.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
