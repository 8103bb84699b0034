//! Following work that its node owns: the I/O of [`stardust_shell::detached`], on a job
//! thread, for at most [`run::FOLLOW_TIME_MAX`].

pub mod run;

#[cfg(test)]
mod tests;

pub use stardust_shell::detached::*;
