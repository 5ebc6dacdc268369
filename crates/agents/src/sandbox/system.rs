//! Owns: which parts of the machine every process may read. No home, no socket, no secret of the machine is among
//! them.

/// Programs and libraries. Links among them stay links.
pub(super) const FOLDERS: [&str; 11] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/opt",
    "/nix/store",
    "/snap",
    "/run/current-system/sw",
];

/// What programs read about the machine.
pub(super) const SETTINGS: [&str; 35] = [
    "/etc/alternatives",
    "/etc/bash.bashrc",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/debian_version",
    "/etc/environment",
    "/etc/fonts",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/inputrc",
    "/etc/java",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/locale.alias",
    "/etc/locale.conf",
    "/etc/localtime",
    "/etc/lsb-release",
    "/etc/magic",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/openssl",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/pki",
    "/etc/profile",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl",
    "/etc/static",
    "/etc/terminfo",
];

/// Devices without memory.
pub(super) const DEVICES: [&str; 6] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
];

/// Terminals, where those of the person are not among them: whoever opens such a one reads what is typed there.
pub(super) const OWN_TERMINALS: [&str; 2] = ["/dev/ptmx", "/dev/pts"];

/// Whether a path lies in what every process may read anyway.
pub(crate) fn is_common(path: &std::path::Path) -> bool {
    FOLDERS.iter().any(|folder| path.starts_with(folder))
}
