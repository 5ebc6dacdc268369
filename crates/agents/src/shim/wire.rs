//! Owns: what daemon and guard say to each other. Downwards an order, then single letters; upwards one report for
//! each order. An order comes as a length and JSON, its first byte carrying the agent's three standard descriptors.

use serde::{Deserialize, Serialize};
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What to start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Put before the program: the sandbox's own command line, with its closing `--`.
    pub(crate) wrapper: Vec<String>,
    /// Put before the launch stage: a program that becomes the next without a process of its own.
    pub(crate) entry: Vec<String>,
    /// What the launch stage does; without it the program is executed as it is.
    pub(crate) launch: Option<Launch>,
    /// The program, as an absolute path, and its arguments.
    pub(crate) program: Vec<String>,
    /// Its whole environment.
    pub(crate) environment: Vec<(String, String)>,
    /// Where it starts.
    pub(crate) folder: String,
    /// Open files at most.
    pub(crate) files_max: u64,
    /// Processes of this user at most, where that makes sense.
    pub(crate) processes_max: Option<u64>,
    /// Goes on when the daemon is gone. Only a test that turns off what prevents it says so.
    pub(crate) is_left_alone: bool,
}

/// What the launch stage does to itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Launch {
    /// The guard whose death it follows; none inside a process namespace, where numbers differ.
    pub(crate) guard: Option<u32>,
    /// What it may touch; none where nothing restricts it.
    pub(crate) rules: Option<Rules>,
    /// Whether it is kept from abstract sockets of others, and from nothing else.
    pub(crate) is_scoped: bool,
}

/// What Landlock leaves open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rules {
    /// Folders and files to read and execute.
    pub(crate) readable: Vec<String>,
    /// Folders and files to change.
    pub(crate) writable: Vec<String>,
    /// Whether it may use the network.
    pub(crate) has_network: bool,
}

/// How what was started ended. Sent once everything that descends from it is gone, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Report {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// It did not start.
    Failed(String),
}

/// Asks what was started to end.
pub(crate) const TERMINATE: u8 = b'T';
/// Kills it and everything below it.
pub(crate) const KILL: u8 = b'K';

/// No order is longer.
const ORDER_MAX: usize = 8 << 20;

/// An order as bytes, its length first.
pub(crate) fn frame(order: &Order) -> io::Result<Vec<u8>> {
    let body = serde_json::to_vec(order)?;
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= ORDER_MAX);
    let length =
        length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the order is too long"))?;
    Ok([&length.to_le_bytes()[..], &body].concat())
}

/// Writes the beginning of a frame, and the descriptors with its first byte. Says how much was written.
pub(crate) fn send_with(socket: impl AsFd, bytes: &[u8], fds: [BorrowedFd<'_>; 3]) -> io::Result<usize> {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&fds));
    #[cfg(target_os = "linux")]
    let flags = SendFlags::NOSIGNAL;
    #[cfg(not(target_os = "linux"))]
    let flags = SendFlags::empty();
    Ok(sendmsg(socket, &[IoSlice::new(bytes)], &mut control, flags)?)
}

/// Waits for an order. None when the other side let go.
pub(crate) fn receive(
    mut socket: &std::os::unix::net::UnixStream,
) -> io::Result<Option<(Order, [OwnedFd; 3])>> {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut length = [0_u8; 4];
    #[cfg(target_os = "linux")]
    let flags = RecvFlags::CMSG_CLOEXEC;
    #[cfg(not(target_os = "linux"))]
    let flags = RecvFlags::empty();
    let got = loop {
        match recvmsg(socket, &mut [IoSliceMut::new(&mut length)], &mut control, flags) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?.bytes,
        }
    };
    if got == 0 {
        return Ok(None);
    }
    let fds: Vec<OwnedFd> = control
        .drain()
        .filter_map(|message| {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                Some(fds)
            } else {
                None
            }
        })
        .flatten()
        .collect();
    let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let fds = <[OwnedFd; 3]>::try_from(fds).map_err(|_| invalid("an order without its descriptors"))?;
    socket.read_exact(&mut length[got..])?;
    let length = u32::from_le_bytes(length) as usize;
    if length > ORDER_MAX {
        return Err(invalid("the order is too long"));
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body)?;
    Ok(Some((serde_json::from_slice(&body)?, fds)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn an_order_arrives_with_its_descriptors() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let order = Order {
            program: vec!["/bin/true".to_owned()],
            files_max: 7,
            ..Order::default()
        };
        let bytes = frame(&order).unwrap();
        let null = File::open("/dev/null").unwrap();
        let sent = send_with(&ours, &bytes[..1], [null.as_fd(); 3]).unwrap();
        ours.write_all(&bytes[sent..]).unwrap();
        drop(ours);
        assert_eq!(receive(&theirs).unwrap().map(|(order, _)| order), Some(order));
        assert!(receive(&theirs).unwrap().is_none());
    }
}
