//! A stand-in for aerender and After Effects: the same command line, output, exit codes and second process, and frames that
//! carry a machine-readable code of job and frame number, for tests, demos and benchmarks.
//!
//! Two programs: `aerender-sim` is the stand-in, `aerender-sim-judge` reads a finished film and says what is wrong with it.
//! For tests in other crates: [`code`], [`ledger`], [`judge`] and [`read_film`].
//!
//! # The two processes
//!
//! The launcher listens on a loopback port, starts its own executable again as After Effects, in its own process group and with its own
//! outputs, and copies what comes through the socket. After Effects looks at the socket before each message and ends by itself,
//! in order, when the launcher is gone; half-written frames stay as they are.
//!
//! # Settings
//!
//! `AERENDER_SIM` holds JSON or the path of a JSON file ([`settings::Settings`] has every key), `AERENDER_SIM_LEDGER` the path
//! of the [`ledger`]:
//!
//! ```json
//! {"frame_ms": 150, "startup_ms": 400, "seed": 7, "home": "/tmp/preferences",
//!  "faults": [{"kind": "crash", "at": {"after": 10}, "times": 1},
//!             {"kind": "torn", "at": 42, "job": "job-7"},
//!             {"kind": "hang", "at": "end"}]}
//! ```
//!
//! `at` is a display frame (while it is half written), `{"after": n}` frames of the run, `"launch"`, `"start"` or `"end"`.
//! With `times` a fault happens so often over all processes that share a `home`; without, always. With `nodes` it happens where the
//! variable `AERENDER_SIM_NODE` has one of these names; `frames` makes a fault of a frame last for several.

#![expect(
    clippy::disallowed_methods,
    reason = "a stand-in for programs that have a clock and processes of their own"
)]

pub mod after_effects;
pub mod afterfx;
pub mod aiff;
pub mod arguments;
pub mod canvas;
pub mod code;
pub mod doubts;
pub mod ending;
pub mod fault;
pub mod faults;
mod film;
pub mod font;
pub mod frames;
pub mod header;
pub mod home;
mod item;
pub mod judge;
pub mod launcher;
pub mod ledger;
pub mod model;
pub mod module;
pub mod movie;
pub mod output;
pub mod picture;
pub mod picture_file;
pub mod project;
pub mod queue;
pub mod settings;
pub mod sound;
pub mod speech;
pub mod templates;
pub mod text;
pub mod tiff;
pub mod timecode;
pub mod values;
pub mod voice;
pub mod whole;

pub use film::read_film;
