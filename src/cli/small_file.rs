//! Small files that the user names: keys, rules, results. Never reads more than the maximum size.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use haslim::error::escaped_path;
use haslim::pipe::Control;
use haslim::{Error, Kind, Result, size};
use zeroize::Zeroizing;

/// Far larger than any key, kit, set of rules or result.
const MOST: u64 = 1 << 20;

/// How often cancellation is checked while a pipe has no data.
const LOOK: Duration = Duration::from_millis(50);

/// The contents of a small file, and the kind of its errors.
#[derive(Debug, Clone, Copy)]
pub struct Small {
    pub kind: Kind,
    /// The words for "cannot read the key from …".
    pub what: &'static str,
}

pub const KEY: Small = Small {
    kind: Kind::Password,
    what: "the key",
};
pub const RULES: Small = Small {
    kind: Kind::Usage,
    what: "the rules",
};
pub const CONFIG: Small = Small {
    kind: Kind::Usage,
    what: "the settings",
};
pub const RESULT: Small = Small {
    kind: Kind::Usage,
    what: "the result",
};

impl Small {
    /// Reads the whole file, which may also be a pipe, such as a shell's `<(…)`. Uses 1 MiB of
    /// memory, which is wiped afterwards.
    ///
    /// # Errors
    /// An error of the [`Small::kind`] if the file cannot be read or holds more than 1 MiB; for a
    /// regular file, that is checked before anything is read. `Interrupted` while it waits for a
    /// pipe.
    pub fn read(self, path: &Path, control: &Control) -> Result<Zeroizing<Vec<u8>>> {
        let fail = |e: io::Error| {
            Error::new(
                self.kind,
                format!("cannot read {} from {}: {e}", self.what, escaped_path(path)),
            )
            .advice("Check the path and the permissions.")
        };
        let large = || {
            Error::new(
                self.kind,
                format!(
                    "{} holds more than {}, too much for {}",
                    escaped_path(path),
                    size::binary(MOST),
                    self.what
                ),
            )
            .advice("Check that it is the right file.")
        };
        let meta = std::fs::metadata(path).map_err(fail)?;
        if meta.is_file() && meta.len() > MOST {
            return Err(large());
        }
        // Opening a pipe already blocks until its other end is opened.
        let bytes = if meta.is_file() {
            whole(path).map_err(fail)?
        } else {
            awaited(path, control)?.map_err(fail)?
        };
        if bytes.len() as u64 > MOST {
            Err(large())
        } else {
            Ok(bytes)
        }
    }
}

/// All bytes of a file, or one more than the maximum.
fn whole(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    // The whole size is reserved, so that growing leaves no copy of a key behind.
    let mut bytes = Zeroizing::new(Vec::new());
    bytes.try_reserve_exact(usize::try_from(MOST).unwrap_or_default() + 64)?;
    File::open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads on a separate thread, so that cancellation ends the wait. The thread may keep waiting
/// until the program ends.
fn awaited(path: &Path, control: &Control) -> Result<io::Result<Zeroizing<Vec<u8>>>> {
    let (done, result) = channel();
    let own = PathBuf::from(path);
    let thread = std::thread::Builder::new()
        .name("file".into())
        .spawn(move || {
            // If the program is about to stop, the result is ignored.
            let _ = done.send(whole(&own));
        });
    if thread.is_err() {
        return Ok(whole(path));
    }
    loop {
        match result.recv_timeout(LOOK) {
            Ok(bytes) => return Ok(bytes),
            Err(RecvTimeoutError::Timeout) => control.check()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::new(Kind::Internal, "the file thread was lost"));
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::disallowed_methods)]
mod tests {
    use super::*;

    /// Report 114.
    #[test]
    fn no_more_than_a_mebibyte_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let control = Control::default();
        let path = folder.path().join("file");
        for (len, fits) in [(0, true), (MOST, true), (MOST + 1, false)] {
            std::fs::write(&path, vec![b'x'; usize::try_from(len).unwrap()]).unwrap();
            let read = KEY.read(&path, &control);
            assert_eq!(
                read.as_ref().map(|bytes| bytes.len() as u64).ok(),
                fits.then_some(len)
            );
        }
        let sparse = File::create(&path).unwrap();
        sparse.set_len(1 << 40).unwrap();
        let endless = cfg!(unix).then_some(Path::new("/dev/zero"));
        for path in [Some(path.as_path()), endless].into_iter().flatten() {
            let error = RULES.read(path, &control).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage);
            assert!(error.message().contains("more than 1.00 MiB"), "{error}");
        }
    }

    #[test]
    #[cfg(unix)] // Windows has no named pipes in folders.
    fn waiting_for_a_pipe_ends_with_the_wish_to_stop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        let control = Control::default();
        control.abandon();
        assert!(KEY.read(&path, &control).is_err());
    }
}
