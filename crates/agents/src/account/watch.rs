//! Owns: hearing at once that a file in one of several folders was written. What is heard is a hint: whoever waits
//! compares, and looks by itself now and then.

#[cfg(target_os = "linux")]
pub(super) use linux::Watch;
#[cfg(not(target_os = "linux"))]
pub(super) use other::Watch;

#[cfg(target_os = "linux")]
mod linux {
    use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::path::Path;
    use std::time::Duration;
    use tokio::io::unix::AsyncFd;

    /// Folders that are watched; closed with it.
    pub(in super::super) struct Watch(AsyncFd<OwnedFd>);

    impl Watch {
        /// How often to look without having heard anything: for a folder that was replaced.
        pub(in super::super) const LOOK_EVERY: Duration = Duration::from_secs(30);

        /// A watch over nothing yet.
        pub(in super::super) fn new() -> io::Result<Self> {
            let events = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
            #[expect(
                deprecated,
                reason = "it is unsound for types that change their descriptor, which an owned one does not; its \
                          successor is an unsafe function"
            )]
            let events = AsyncFd::new(events)?;
            Ok(Self(events))
        }

        /// Watches that folder, too; nothing changes where it is watched already.
        pub(in super::super) fn add(&self, folder: &Path) -> io::Result<()> {
            let written = WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO;
            // Only hints come of it, so a link on the way to it does no harm.
            let flags = written | WatchFlags::ONLYDIR | WatchFlags::DONT_FOLLOW;
            add_watch(self.0.get_ref(), folder, flags).map(drop)?;
            Ok(())
        }

        /// Waits until something was written.
        pub(in super::super) async fn heard(&self) -> io::Result<()> {
            loop {
                let mut ready = self.0.readable().await?;
                if drain(ready.get_inner()) {
                    return Ok(());
                }
                ready.clear_ready();
            }
        }
    }

    /// Reads all there is, and says whether there was anything.
    fn drain(events: &OwnedFd) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(events, &mut buffer);
        let mut has_any = false;
        // One that writes faster than this reads gets its turn again.
        for _ in 0..10_000 {
            match reader.next() {
                Ok(_) => has_any = true,
                Err(_) => return has_any,
            }
        }
        has_any
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::io;
    use std::path::Path;
    use std::time::Duration;

    /// Stands for a watch where there is none: nothing is heard, so that looking often has to do.
    pub(in super::super) struct Watch;

    impl Watch {
        /// How often to look.
        pub(in super::super) const LOOK_EVERY: Duration = Duration::from_secs(1);

        pub(in super::super) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        pub(in super::super) fn add(&self, _folder: &Path) -> io::Result<()> {
            Ok(())
        }

        pub(in super::super) async fn heard(&self) -> io::Result<()> {
            std::future::pending().await
        }
    }
}
