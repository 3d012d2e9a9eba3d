//! Answers for: what After Effects says of a project that this machine can't render as it is meant, and what its pictures lack then. Must
//! not: decide that it happens (`faults` does).
//!
//! The beginnings of the lines are known (`reference/aerender.md` 2.5, L30); that of an expression and all endings are our own.

use crate::fault::Kind;
use crate::picture::Lacks;

/// What pictures lack with these faults.
#[must_use]
pub fn lacks(faults: &[Kind]) -> Lacks {
    Lacks {
        effect: faults.contains(&Kind::MissingEffect),
        font: faults.contains(&Kind::MissingFont),
        expression: faults.contains(&Kind::DisabledExpression),
    }
}

/// What is said while the project opens.
#[must_use]
pub fn lines(lacks: Lacks) -> Vec<&'static str> {
    let mut lines = Vec::new();
    if lacks.effect {
        lines.push(
            "INFO:This project contains a reference to a missing effect. Please install the following effect to restore it: Trails",
        );
    }
    if lacks.font {
        lines.push("WARNING:After Effects warning: Project has missing fonts.");
        lines.push(
            "Grouped_Message_{some layers have missing dependencies. See the log for details.}Text Layer: Font family: Roboto, Font style: Black",
        );
    }
    if lacks.expression {
        lines.push(
            "WARNING:After Effects warning: Expression disabled. Error at line 1 in property 'Position' of layer 1 ('Disc').",
        );
    }
    lines
}
