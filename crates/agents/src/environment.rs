//! Owns: what every process finds in its environment: little, and nothing of the daemon's that was not named.

use engine::faults::{Control, is_off};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Taken over where they are set. None of them carries a secret.
const TAKEN: [&str; 7] = [
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
];
/// Taken over besides by what may use the network: some networks have no other way out.
const PROXIES: [&str; 6] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];
/// Where the system has its programs.
const SYSTEM_PATH: &str =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin";

/// Path, language and the like. `path` goes before the system's folders.
pub(crate) fn basic(daemon: &BTreeMap<String, String>, path: &[PathBuf]) -> Vec<(String, String)> {
    let mut made = if is_off(Control::CleanEnvironment) {
        daemon.clone().into_iter().collect()
    } else {
        taken(daemon, &TAKEN)
    };
    if !made.iter().any(|(name, _)| name == "LANG" || name == "LC_ALL") {
        made.push(("LANG".to_owned(), "C.UTF-8".to_owned()));
    }
    let folders: Vec<_> = path
        .iter()
        .map(|folder| folder.to_string_lossy().into_owned())
        .collect();
    let path = folders
        .into_iter()
        .chain([SYSTEM_PATH.to_owned()])
        .collect::<Vec<_>>()
        .join(":");
    made.extend(
        [("PATH", path.as_str()), ("TERM", "dumb"), ("NO_COLOR", "1")]
            .map(|(n, v)| (n.to_owned(), v.to_owned())),
    );
    made
}

/// The way out of this network, where it has one of its own.
pub(crate) fn proxies(daemon: &BTreeMap<String, String>) -> Vec<(String, String)> {
    taken(daemon, &PROXIES)
}

fn taken(daemon: &BTreeMap<String, String>, names: &[&str]) -> Vec<(String, String)> {
    names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), daemon.get(*name)?.clone())))
        .collect()
}
