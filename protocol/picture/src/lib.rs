//! Answers for: files of frames as pictures, for nodes that verify them and for a controller that compares them: decoded whole
//! whatever their format, measured, compared, scaled for people, packed for the way. Must not: read files, know jobs or leases.
//!
//! ```
//! use flatrender_picture::{Limits, Picture, Rgb8, compare, measure};
//!
//! let white = Rgb8 { width: 4, height: 2, rgb: vec![255; 24] }.to_png()?;
//! let picture = Picture::decode(&white, &Limits::of_size(4, 2))?;
//! assert!(measure(&picture).flags.flat);
//! assert!(compare(&picture, &picture).is_some_and(|likeness| likeness.psnr_db.is_infinite()));
//! # Ok::<(), flatrender_picture::PictureError>(())
//! ```
//!
//! TIFF is decoded by our own reader because it is what nodes decode most, and it has to be stricter than a viewer: everything a
//! file refers to must lie inside it, every strip must decode to exactly its rows. The others are decoded by the `png`, `zune-jpeg` and
//! `exr` crates, behind checks that tell a cut file from one that goes on after its picture.

mod compare;
mod error;
mod exr_file;
mod jpeg_file;
mod light;
mod limits;
mod measure;
mod packing;
mod picture;
mod png_file;
mod scale;
mod tiff;
mod verify;

pub use compare::{Likeness, compare, psnr};
pub use error::PictureError;
pub use limits::{FileFormat, Limits, MOST_BYTES};
pub use measure::measure;
pub use packing::{Packed, format_of, pack, unpack};
pub use picture::{Alpha, Depth, Picture, Rgba8};
pub use scale::{Rgb8, scaled};
pub use verify::{Verified, verify};
