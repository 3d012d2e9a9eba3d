//! A stand-in for aerender and After Effects: the same command line, output, exit codes and second process, and frames that
//! carry a machine-readable code of job and frame number, for tests, demos and benchmarks.
//!
//! Two programs: `aerender-sim` is the stand-in, `aerender-sim-judge` reads a finished film and says what is wrong with it.
//! For tests in other crates: [`code`], [`ledger`], [`judge`] and [`read_film`].

pub mod after_effects;
pub mod arguments;
pub mod canvas;
pub mod code;
pub mod ending;
pub mod faults;
mod film;
pub mod font;
pub mod frames;
pub mod home;
pub mod judge;
pub mod launcher;
pub mod ledger;
pub mod output;
pub mod picture;
pub mod project;
pub mod settings;
pub mod templates;
pub mod tiff;
pub mod timecode;
pub mod voice;

pub use film::read_film;
