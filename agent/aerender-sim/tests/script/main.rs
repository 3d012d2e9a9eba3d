//! The values script against the model of After Effects' objects: what it sets, what it says, and that data stays data.

#![expect(clippy::disallowed_methods, reason = "tests start programs")]

mod afterfx;
mod bench;
mod es3;
mod injection;
mod json;
mod sets;
mod strictness;
