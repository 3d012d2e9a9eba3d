//! What this agent knows of aerender: its command line, what it prints, what a run of it came to, its version. All facts
//! are from `reference/aerender.md`. Nothing here starts or stops a render (`work` does), and nothing asks whether the
//! program is After Effects or a stand-in.

mod catalogue;
mod command;
mod lines;
mod prefix;
mod progress;
mod reader;
mod reading;
mod segments;
mod verdict;
mod version;
mod words;

pub use command::{FrameName, Render, bad_folder};
pub use reader::{Event, Facts, Reader};
pub use reading::{LogVerdict, Reading, read_log};
pub use verdict::{Evidence, Verdict, cut, judge};
pub use version::{VersionError, version};
