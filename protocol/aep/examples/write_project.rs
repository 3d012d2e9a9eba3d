//! Writes a small project with one composition, for the demo: `write_project FILE NAME WIDTH HEIGHT RATE FRAMES`.

#![allow(clippy::print_stderr, reason = "a program for people")]

use std::process::ExitCode;

use flatrender_aep::Rational;
use flatrender_aep::write::{self, CompSpec, KindSpec, LayerSpec, ProjectSpec};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match write_project(&arguments) {
        Some(()) => ExitCode::SUCCESS,
        None => {
            eprintln!(
                "error: failed to write the project; usage: write_project FILE NAME WIDTH HEIGHT RATE FRAMES"
            );
            ExitCode::from(2)
        }
    }
}

fn write_project(arguments: &[String]) -> Option<()> {
    let [file, name, width, height, rate, frames] = arguments else {
        return None;
    };
    let rate = Rational::whole(rate.parse().ok()?);
    let mut comp = CompSpec::new(
        name,
        width.parse().ok()?,
        height.parse().ok()?,
        rate,
        frames.parse().ok()?,
    );
    comp.background = [0x16, 0x1d, 0x2b];
    comp.layers = vec![
        LayerSpec::new("Title", KindSpec::Text("FlatRender".to_owned())),
        LayerSpec::new("Backdrop", KindSpec::Solid([0x16, 0x1d, 0x2b])),
    ];
    let spec = ProjectSpec {
        comps: vec![comp],
        ..ProjectSpec::default()
    };
    std::fs::write(file, write::project(&spec)).ok()
}
