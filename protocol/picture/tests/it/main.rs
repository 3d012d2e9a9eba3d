//! Answers for: files of every format, whole and broken, that other encoders wrote. Must not: read anything but what the tests make.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what makes the files of the tests makes good ones, and says which it could not make"
)]

mod broken;
mod files;
mod likeness;
mod whole;
