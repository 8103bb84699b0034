//! The help, and files of settings.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Largest config or token file that is read.
const FILE_BYTES_MAX: u64 = 64 << 10;
pub const HELP: &str = "\
stardust-spider: reads this machine and tells Ground Control. It executes nothing.

Usage: stardust-spider --server URL --token-file FILE [options]
       stardust-spider --stdout | --once [options]

  --server URL       ws://HOST[:PORT][/PATH] or wss://… of Ground Control
  --token-file FILE  file that holds the node token (or set STARDUST_TOKEN)
  --config FILE      settings, one `key = value` a line; flags win over it
                     (server, token, token_file, interval_ms, ring_bytes, ring_file,
                     ring_file_bytes, family, new_after_ms, root, ca_file, pin)
  --ca-file FILE     certificates (PEM) to trust in place of the system's
  --pin sha256/BASE64
                     trust the server that has this public key, whoever signed it and
                     until when; up to 4 times
  --interval MS      time between samples, 200 to 3600000 (default 5000)
  --ring-bytes N     memory for samples not yet stored, 65536 to 268435456 (default 524288)
  --ring-file FILE   keep those samples in FILE too, so that they outlive a reboot
  --ring-file-bytes N
                     at most that much of them (default as --ring-bytes)
  --family 'LABEL=PATTERN ACTION'
                     what becomes of interfaces (iface), disks (device) and mounts
                     (mount) of these names: keep, sum (added up into one) or leave-out;
                     * is any text, # a hexadecimal digit; up to 20 times, before our
                     own: veth* is added up, and what else containers come with
  --new-after MS     a new interface, disk or mount is told once it has stood so long,
                     0 to 3600000 (default 60000)
  --root DIR         read /proc, /sys and /etc below DIR (default /)
  --stdout           print samples as JSON lines in place of sending them
  --once             print one sample and what the machine is, and exit
  --version          print the version
  --help             print this

https_proxy (for wss), http_proxy (for ws) and no_proxy are honoured.
";

/// A file as the reader gives it.
pub struct FileText {
    pub text: String,
    /// Permission bits.
    pub mode: u32,
}

impl FileText {
    /// Reads a small text file.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        use std::io::{Error, Read as _};
        let file = std::fs::File::open(path)?;
        let metadata: Metadata = file.metadata()?;
        let mut text = String::new();
        file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(Error::other("the file is larger than 64 KiB"));
        }
        let mode = metadata.mode();
        Ok(Self { text, mode })
    }
}
