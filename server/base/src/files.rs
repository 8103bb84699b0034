//! How many files this process may have open, and reading those that a person has named.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Raises the limit of open files to what the system allows: each Spider is
/// one. Answers the limit that holds.
pub fn raise_limit() -> usize {
    let mut wanted = read_limit();
    wanted.rlim_cur = wanted.rlim_max;
    // SAFETY: the pointer is to a whole rlimit, which is only read. That it was
    // refused shows in the limit that holds afterwards.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const wanted) };
    limit()
}

/// How many files may be open.
pub fn limit() -> usize {
    usize::try_from(read_limit().rlim_cur).unwrap_or(usize::MAX)
}

fn read_limit() -> libc::rlimit {
    let mut limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the pointer is to a whole rlimit, which is only written. Where a
    // sandbox refuses the call, running out of files will show the limit.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    limit
}

/// The content of a file that a person has named, such as a certificate: not more than
/// `most` bytes, and only of a regular file. A device or a pipe would never end, or let
/// the start wait for ever.
///
/// # Errors
/// In words, without the name.
pub fn read_small(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map_err(|error| error.to_string())?;
    let is_file = file
        .metadata()
        .map_err(|error| error.to_string())?
        .is_file();
    if !is_file {
        return Err("it is no regular file".to_owned());
    }
    let mut bytes = Vec::new();
    // What is read counts, and not what the file says of its size.
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    match bytes.len() as u64 > most {
        true => Err(format!("it has more than {most} bytes")),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn what_is_named_is_read_within_a_bound() {
        let folder = Folder::new();
        let path = folder.join("named");
        assert!(read_small(&path, 4).unwrap_err().contains("No such file"));
        std::fs::write(&path, "four").unwrap();
        assert_eq!(read_small(&path, 4).unwrap(), b"four");
        assert!(read_small(&path, 3).unwrap_err().contains("more than 3"));
        for no_file in ["/dev/zero", "/dev/null", "/", "/proc/self"] {
            let said = read_small(Path::new(no_file), 4).unwrap_err();
            assert!(said.contains("no regular file"), "{no_file}: {said}");
        }
        // A pipe that nobody writes to.
        let pipe = folder.join("pipe");
        let name = std::ffi::CString::new(pipe.to_str().unwrap()).unwrap();
        // SAFETY: the name ends with a zero, and is only read.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        assert!(read_small(&pipe, 4).unwrap_err().contains("no regular"));
        // Files of the kernel say that they are empty.
        assert!(
            !read_small(Path::new("/proc/self/stat"), 1 << 20)
                .unwrap()
                .is_empty()
        );
    }
}
