//! Turns what serde says about wrong input into field errors: a pointer, a code for programs, and words without the
//! names of Rust types.

use flatrender_protocol::rest::FieldError;
use serde_path_to_error::{Path, Segment};

use super::problem::{Problem, field};

/// What is wrong with a document, as an answer.
pub(super) fn document(path: &Path, message: &str) -> Problem {
    match twice(path, message) {
        Some(error) => Problem::malformed_json(format!("{}: {}", error.pointer, error.detail)),
        None => Problem::validation(vec![wrong(path, message)]),
    }
}

/// What is wrong with a query, as an answer.
pub(super) fn query(path: &Path, message: &str) -> Problem {
    let error = twice(path, message).unwrap_or_else(|| wrong(path, message));
    Problem::validation(vec![error])
}

fn twice(path: &Path, message: &str) -> Option<FieldError> {
    let name = quoted(message, "duplicate field `")?;
    let pointer = format!("{}/{}", container(path, name), escape(name));
    Some(field(
        pointer,
        "duplicate",
        "it is given twice; give it once",
    ))
}

fn wrong(path: &Path, message: &str) -> FieldError {
    if let Some(name) = quoted(message, "unknown field `") {
        let known = message
            .split_once("`, expected ")
            .map_or(String::new(), |(_, known)| {
                format!("; known is {}", known.replace('`', "\""))
            });
        let pointer = format!("{}/{}", container(path, name), escape(name));
        return field(
            pointer,
            "unknown_field",
            format!("\"{}\" is not known here{known}", name.escape_debug()),
        );
    }
    if let Some(name) = quoted(message, "missing field `") {
        let pointer = format!("{}/{}", pointer(path), escape(name));
        return field(pointer, "required", "it is missing");
    }
    let code = if message.starts_with("invalid type") {
        "wrong_type"
    } else if message.starts_with("unknown variant") {
        "unknown_value"
    } else if message.starts_with("invalid value") {
        "out_of_range"
    } else {
        "invalid"
    };
    field(pointer(path), code, words(message))
}

/// The container of a field that serde names: the path itself, without that name when it already ends in it.
fn container(path: &Path, name: &str) -> String {
    let segments: Vec<&Segment> = path.iter().collect();
    let inner = match segments.as_slice() {
        [before @ .., Segment::Map { key }] if key == name => before,
        all => all,
    };
    inner.iter().map(|segment| step(segment)).collect()
}

/// RFC 6901.
fn pointer(path: &Path) -> String {
    path.iter().map(step).collect()
}

fn step(segment: &Segment) -> String {
    match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", escape(key)),
        Segment::Enum { variant } => format!("/{}", escape(variant)),
        Segment::Unknown => String::new(),
    }
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn quoted<'a>(message: &'a str, before: &str) -> Option<&'a str> {
    // The name may itself hold a backtick: it ends at the last one before the list of what is expected.
    let rest = message.strip_prefix(before)?;
    let end = rest
        .find("`, expected ")
        .or_else(|| rest.find("`, there are no fields"))
        .or_else(|| rest.rfind('`'))?;
    Some(&rest[..end])
}

/// serde's words with its type names said plainly.
fn words(message: &str) -> String {
    let (before, expected) = match message.rsplit_once(", expected ") {
        Some((before, expected)) => (before, Some(plain(expected))),
        None => (message, None),
    };
    let before = before
        .strip_prefix("invalid type: ")
        .or_else(|| before.strip_prefix("invalid value: "))
        .map(|value| format!("it is {}", plain_value(value)))
        .or_else(|| {
            before
                .strip_prefix("unknown variant ")
                .map(|value| format!("it is {}", value.replace('`', "\"")))
        })
        .unwrap_or_else(|| plain_number(before));
    match expected {
        Some(expected) => format!("{before}; needed is {expected}"),
        None => before,
    }
}

/// serde names the kind of a value, then the value in backticks or quotes.
fn plain_value(value: &str) -> String {
    match value {
        "map" => "an object".to_owned(),
        "sequence" => "a list".to_owned(),
        other => match other.split_once(' ') {
            Some(("integer" | "boolean", value)) => value.replace('`', ""),
            Some(("floating", value)) => value.trim_start_matches("point ").replace('`', ""),
            Some(("string", value)) => value.to_owned(),
            _ => other.to_owned(),
        },
    }
}

/// The words of the standard library for numbers in a query.
fn plain_number(message: &str) -> String {
    match message {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "it is not a whole number".to_owned()
        }
        "number too large to fit in target type" => "the number is too large".to_owned(),
        "number too small to fit in target type" => "the number is too small".to_owned(),
        other => other.to_owned(),
    }
}

fn plain(expected: &str) -> String {
    match expected {
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u32" => "a whole number from 0 to 4294967295".to_owned(),
        "u64" | "usize" => "a whole number from 0".to_owned(),
        "i8" | "i16" | "i32" | "i64" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a sequence" => "a list".to_owned(),
        other => {
            let other = other.strip_prefix("struct ").map_or(other, |_| "an object");
            other.replace('`', "\"")
        }
    }
}
