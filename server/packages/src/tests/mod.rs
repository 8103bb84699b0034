//! What the managers promise, tried on what the real tools printed (`golden/`).

mod german;
pub mod golden;
mod hostile;
mod managers;
mod states;
