//! The floor: what reading the same files once a second costs at the very least.
//!
//! Wakes up, reads eight /proc files by `pread` into one buffer, asks for one
//! filesystem and sends 40 bytes over TCP. No agent that tells the same can
//! cost less on this machine.

use std::fs::File;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut stream = TcpStream::connect(listener.local_addr()?)?;
    // The other end reads in a process of its own, or its CPU would count here.
    let (sink, _) = listener.accept()?;
    // SAFETY: the child only reads from a socket and exits; it shares no lock with
    // the parent, which has one thread.
    if unsafe { libc::fork() } == 0 {
        drop(stream);
        let mut sink = sink;
        let _ = std::io::copy(&mut sink, &mut std::io::sink());
        return Ok(());
    }
    drop(sink);
    let files: Vec<File> = stardust_benches::FLOOR_FILES
        .iter()
        .filter_map(|path| File::open(path).ok())
        .collect();
    let mut buffer = vec![0u8; 64 << 10];
    let mut next = Instant::now();
    loop {
        next += Duration::from_secs(1);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        for file in &files {
            // SAFETY: the buffer is valid for the length that is given.
            unsafe {
                libc::pread(
                    file.as_raw_fd(),
                    buffer.as_mut_ptr().cast(),
                    buffer.len(),
                    0,
                );
            }
        }
        // SAFETY: an all-zero statvfs is valid; the path is a C string.
        unsafe {
            let mut stat: libc::statfs = std::mem::zeroed();
            libc::statfs(c"/".as_ptr(), &raw mut stat);
        }
        stream.write_all(&[7; 40])?;
    }
}
