//! An answer on its way out.

use std::io::{self, Write};

/// A head, and a body that is held or is a part of this program.
pub struct Out {
    head: Vec<u8>,
    body: &'static [u8],
    at: usize,
}

impl Out {
    pub fn owned(bytes: Vec<u8>) -> Self {
        Self::of(bytes, b"")
    }

    pub fn of(head: Vec<u8>, body: &'static [u8]) -> Self {
        Self { head, body, at: 0 }
    }

    pub fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// Memory that it takes.
    pub fn held_bytes(&self) -> usize {
        self.head.len()
    }

    pub fn is_over(&self) -> bool {
        self.at == self.len()
    }

    pub fn write(&mut self, to: &mut impl Write) -> io::Result<()> {
        let part = match self.head.get(self.at..) {
            Some(rest) if !rest.is_empty() => rest,
            _ => &self.body[self.at - self.head.len()..],
        };
        match to.write(part)? {
            0 if !part.is_empty() => Err(io::ErrorKind::WriteZero.into()),
            count => {
                self.at += count;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_and_body_leave_in_one_piece_or_many() {
        struct Slow(Vec<u8>, usize);
        impl Write for Slow {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let count = bytes.len().min(self.1);
                self.0.extend_from_slice(&bytes[..count]);
                Ok(count)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for step in 1..12 {
            for (head, body) in [("head", &b"body"[..]), ("head", b""), ("", b"body")] {
                let mut out = Out::of(head.into(), body);
                assert_eq!(out.held_bytes(), head.len());
                let mut to = Slow(Vec::new(), step);
                while !out.is_over() {
                    out.write(&mut to).unwrap();
                }
                assert_eq!(to.0, [head.as_bytes(), body].concat());
            }
        }
    }
}
