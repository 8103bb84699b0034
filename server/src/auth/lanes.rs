//! Memory that one password hash is made in. It is the kernel's and goes back to it at
//! once: an allocator would keep 19 MiB for each thread that ever hashed one.

use std::ptr::NonNull;

use argon2::Block;

pub struct Lanes {
    start: NonNull<Block>,
    blocks: usize,
}

impl Lanes {
    /// None when there is not so much memory.
    pub fn new(blocks: usize) -> Option<Self> {
        let bytes = blocks.checked_mul(Block::SIZE)?;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches
        // nothing that is there.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED || blocks == 0 {
            return None;
        }
        Some(Self {
            start: NonNull::new(start.cast())?,
            blocks,
        })
    }

    pub fn blocks(&mut self) -> &mut [Block] {
        // SAFETY: the mapping has room for so many blocks, is aligned to a page, belongs to
        // this value alone, and is all zeros at first, which numbers may be.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.blocks) }
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        // SAFETY: it is the whole mapping of `new`, and nothing refers to it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.blocks * Block::SIZE) };
    }
}
