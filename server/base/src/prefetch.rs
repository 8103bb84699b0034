//! Asking for memory before it is needed.
//!
//! With ten thousand nodes the state of each is in no cache when its sample comes,
//! and waiting for memory is most of what the sample would cost.

const LINE_BYTES: usize = 64;

/// Asks for what is at an address; it may be any.
pub fn fetch_at<T>(address: *const T) {
    line(address.cast());
}

/// Asks for all of a value.
pub fn fetch<T: ?Sized>(value: &T) {
    let start = std::ptr::from_ref(value).cast::<u8>();
    for at in (0..size_of_val(value)).step_by(LINE_BYTES) {
        line(start.wrapping_add(at));
    }
}

#[cfg(target_arch = "x86_64")]
fn line(address: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: it changes nothing that the program can see, whatever the address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
}

#[cfg(target_arch = "aarch64")]
fn line(address: *const u8) {
    // SAFETY: it changes nothing that the program can see, whatever the address.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn line(_: *const u8) {}
