//! Answers for: files of every format, whole and broken, that other encoders wrote. Must not: read anything but what the tests make.

mod broken;
mod files;
mod likeness;
mod whole;
