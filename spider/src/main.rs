//! The Spider's command.

fn main() {}
