//! Debian's nginx in front.
