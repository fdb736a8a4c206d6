//! Uploads: a `multipart/form-data` body taken apart while it comes in, in constant memory.

use md5::Md5;
use sha1::{Digest, Sha1};

use super::call::Upload;
use super::crypto::hex;

/// A running checksum.
pub(super) enum Sum {
    None,
    Md5(Md5),
    Sha1(Sha1),
    Sha224(sha2::Sha224),
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
}

impl Sum {
    pub(super) fn new(algorithm: &str) -> Self {
        match algorithm {
            "md5" => Sum::Md5(Md5::new()),
            "sha1" => Sum::Sha1(Sha1::new()),
            "sha224" => Sum::Sha224(sha2::Sha224::new()),
            "sha256" => Sum::Sha256(sha2::Sha256::new()),
            "sha384" => Sum::Sha384(sha2::Sha384::new()),
            "sha512" => Sum::Sha512(sha2::Sha512::new()),
            _ => Sum::None,
        }
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        match self {
            Sum::None => {}
            Sum::Md5(h) => h.update(data),
            Sum::Sha1(h) => h.update(data),
            Sum::Sha224(h) => h.update(data),
            Sum::Sha256(h) => h.update(data),
            Sum::Sha384(h) => h.update(data),
            Sum::Sha512(h) => h.update(data),
        }
    }

    pub(super) fn finish(self) -> String {
        match self {
            Sum::None => String::new(),
            Sum::Md5(h) => hex(&h.finalize()),
            Sum::Sha1(h) => hex(&h.finalize()),
            Sum::Sha224(h) => hex(&h.finalize()),
            Sum::Sha256(h) => hex(&h.finalize()),
            Sum::Sha384(h) => hex(&h.finalize()),
            Sum::Sha512(h) => hex(&h.finalize()),
        }
    }
}

enum State {
    Head,
    Field(String),
    File,
    Done,
}

/// Reads an upload piece by piece.
pub struct Reader {
    delimiter: Vec<u8>,
    buffer: Vec<u8>,
    state: State,
    sum: Sum,
    upload: Upload,
}

/// Why an upload can't be read: what the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// `400 Bad Request` with an empty body: parts in the wrong order.
    Request,
    /// Not a multipart body at all: the connection is closed.
    Close,
}

impl Reader {
    /// A reader for a content type with an unquoted boundary.
    pub fn new(content_type: &str) -> Result<Self, Bad> {
        let boundary = content_type.split(';').find_map(|p| p.trim().strip_prefix("boundary="));
        let multipart = content_type.trim().to_ascii_lowercase().starts_with("multipart/form-data");
        let boundary = boundary.filter(|b| multipart && !b.starts_with('"') && !b.is_empty()).ok_or(Bad::Close)?;
        Ok(Self {
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            // the first delimiter has no line end before it
            buffer: b"\r\n".to_vec(),
            state: State::Head,
            sum: Sum::None,
            upload: Upload::default(),
        })
    }

    /// Takes the next piece of the body.
    pub fn push(&mut self, data: &[u8]) -> Result<(), Bad> {
        self.buffer.extend_from_slice(data);
        while self.step()? {}
        Ok(())
    }

    /// The upload, once the whole body is there.
    pub fn finish(mut self) -> Result<Upload, Bad> {
        if !matches!(self.state, State::Done) {
            return Err(Bad::Request);
        }
        let algorithm = self.field("checksum-algorithm").unwrap_or_default();
        let sum = self.sum.finish();
        if !sum.is_empty() {
            self.upload.sums.insert(algorithm, sum);
        }
        Ok(self.upload)
    }

    fn field(&self, name: &str) -> Option<String> {
        self.upload.fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone())
    }

    fn step(&mut self) -> Result<bool, Bad> {
        match &self.state {
            State::Done => {
                self.buffer.clear();
                Ok(false)
            }
            State::Head => self.head(),
            State::Field(name) => {
                let Some(at) = find(&self.buffer, &self.delimiter) else {
                    return if self.buffer.len() > 65_536 { Err(Bad::Request) } else { Ok(false) };
                };
                let value = String::from_utf8_lossy(&self.buffer[..at]).into_owned();
                self.upload.fields.push((name.clone(), value));
                self.buffer.drain(..at);
                self.state = State::Head;
                Ok(true)
            }
            State::File => {
                let end = find(&self.buffer, &self.delimiter);
                let take = end.unwrap_or_else(|| self.buffer.len().saturating_sub(self.delimiter.len()));
                if self.upload.head.len() < 64 {
                    self.upload.head.extend_from_slice(&self.buffer[..take.min(64)]);
                }
                self.sum.update(&self.buffer[..take]);
                self.upload.size += take as u64;
                self.buffer.drain(..take);
                if end.is_some() {
                    self.state = State::Done;
                }
                Ok(end.is_some())
            }
        }
    }

    /// A delimiter and the header lines of a part.
    fn head(&mut self) -> Result<bool, Bad> {
        let Some(start) = find(&self.buffer, &self.delimiter) else { return Ok(false) };
        let rest = &self.buffer[start + self.delimiter.len()..];
        if rest.len() < 2 {
            return Ok(false);
        }
        if rest.starts_with(b"--") {
            self.state = State::Done;
            return Ok(true);
        }
        let Some(end) = find(rest, b"\r\n\r\n") else {
            return if rest.len() > 16_384 { Err(Bad::Request) } else { Ok(false) };
        };
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        let used = start + self.delimiter.len() + end + 4;
        let line = head.trim_start().lines().next().unwrap_or("").to_owned();
        let line = line.strip_prefix("Content-Disposition: form-data; name=\"").ok_or(Bad::Request)?;
        let (name, rest) = line.split_once('"').ok_or(Bad::Request)?;
        self.buffer.drain(..used);
        let order = ["content", "checksum-algorithm", "checksum"];
        if let Some(file) = rest.strip_prefix("; filename=\"") {
            if name != "filename" {
                return Err(Bad::Request);
            }
            self.upload.filename = file.trim_end_matches('"').to_owned();
            self.sum = Sum::new(&self.field("checksum-algorithm").unwrap_or_default());
            self.state = State::File;
            return Ok(true);
        }
        let place = order.iter().position(|n| *n == name).ok_or(Bad::Request)?;
        let last = self.upload.fields.last().and_then(|(n, _)| order.iter().position(|o| o == n));
        // a checksum must follow its algorithm
        let fits = match place {
            0 => last.is_none(),
            1 => last == Some(0),
            _ => last == Some(1),
        };
        if !fits {
            return Err(Bad::Request);
        }
        self.state = State::Field(name.to_owned());
        Ok(true)
    }
}

fn find(data: &[u8], what: &[u8]) -> Option<usize> {
    let first = *what.first()?;
    let mut at = 0;
    while let Some(step) = data[at..].iter().position(|b| *b == first) {
        at += step;
        if data[at..].starts_with(what) {
            return Some(at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=xyz";

    fn read(body: &str, piece: usize) -> Result<Upload, Bad> {
        let mut reader = Reader::new(TYPE)?;
        for part in body.as_bytes().chunks(piece) {
            reader.push(part)?;
        }
        reader.finish()
    }

    #[test]
    fn reads_in_any_pieces() {
        let body = "--xyz\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\niso\r\n--xyz\r\n\
                    Content-Disposition: form-data; name=\"filename\"; filename=\"a.iso\"\r\n\
                    Content-Type: application/octet-stream\r\n\r\n12\r\n--x345\r\n--xyz--\r\n";
        for piece in [1, 3, 7, 1000] {
            let upload = read(body, piece).unwrap();
            assert_eq!((upload.filename.as_str(), upload.size), ("a.iso", 10));
            assert_eq!(upload.fields, [("content".to_owned(), "iso".to_owned())]);
        }
    }

    #[test]
    fn refuses_wrong_order() {
        let body = "--xyz\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\niso\r\n--xyz\r\n\
                    Content-Disposition: form-data; name=\"checksum\"\r\n\r\nab\r\n--xyz--\r\n";
        assert_eq!(read(body, 50).unwrap_err(), Bad::Request);
        assert_eq!(Reader::new("text/plain").err(), Some(Bad::Close));
    }
}
