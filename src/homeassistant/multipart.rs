//! The body of an upload: one part of `multipart/form-data`, whose length is known beforehand.

use std::io;

use crate::error::{Error, Kind, Result};

/// The name that Home Assistant stores the file under while it receives it. Always the same: if an
/// upload is cut, the file stays in Home Assistant's temporary folder until the next upload with
/// this name overwrites and then removes it (tried).
pub const FILE_NAME: &str = "haslim.tar";

/// What comes before and after the file.
#[derive(Debug)]
pub struct Frame {
    boundary: String,
    head: String,
    tail: String,
}

impl Frame {
    /// A frame with a random boundary, which no file contains but by chance of 2^-128.
    ///
    /// # Errors
    /// `Internal` if the system has no random numbers.
    pub fn new() -> Result<Self> {
        let mut random = [0u8; 16];
        getrandom::fill(&mut random).map_err(|e| {
            Error::new(
                Kind::Internal,
                format!("no random numbers: {}", io::Error::from(e)),
            )
        })?;
        let boundary = format!("haslim-{:032x}", u128::from_be_bytes(random));
        Ok(Self {
            head: format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{FILE_NAME}\"\r\nContent-Type: application/x-tar\r\n\r\n"
            ),
            tail: format!("\r\n--{boundary}--\r\n"),
            boundary,
        })
    }

    /// The header lines of the request, for a file of this many bytes.
    pub fn headers(&self, bytes: u64) -> String {
        let length = bytes + self.head.len() as u64 + self.tail.len() as u64;
        format!(
            "Content-Type: multipart/form-data; boundary={}\r\nContent-Length: {length}\r\n",
            self.boundary
        )
    }

    /// What comes before the file.
    pub fn head(&self) -> &[u8] {
        self.head.as_bytes()
    }

    /// What comes after it. Without it, Home Assistant discards what it has received (tried).
    pub fn tail(&self) -> &[u8] {
        self.tail.as_bytes()
    }
}
