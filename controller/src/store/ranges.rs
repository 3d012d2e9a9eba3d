//! Multiranges as text, both ways: the driver has no multirange type (`{[0,5),[7,9)}` is PostgreSQL's canonical form).

use flatrender_protocol::Span;

use super::StoreError;

/// Reads `int4multirange::text`.
///
/// # Errors
/// [`StoreError::Unreadable`] when it is not the canonical form.
pub fn parse(text: &str) -> Result<Vec<Span>, StoreError> {
    let wrong = || StoreError::Unreadable {
        what: "a multirange",
        value: text.chars().take(100).collect(),
    };
    let body = text
        .strip_prefix('{')
        .and_then(|t| t.strip_suffix('}'))
        .ok_or_else(wrong)?;
    if body.is_empty() {
        return Ok(Vec::new());
    }
    let mut spans = Vec::new();
    for piece in body.split_inclusive(')') {
        let piece = piece.trim_start_matches(',');
        let inner = piece
            .strip_prefix('[')
            .and_then(|t| t.strip_suffix(')'))
            .ok_or_else(wrong)?;
        let (lo, hi) = inner.split_once(',').ok_or_else(wrong)?;
        let lo = lo.parse().map_err(|_| wrong())?;
        let hi = hi.parse().map_err(|_| wrong())?;
        spans.push(Span::new(lo, hi).ok_or_else(wrong)?);
    }
    Ok(spans)
}

/// Reads `int4range::text`.
///
/// # Errors
/// As [`parse`].
pub fn parse_one(text: &str) -> Result<Span, StoreError> {
    let spans = parse(&format!("{{{text}}}"))?;
    match spans.as_slice() {
        [span] => Ok(*span),
        _ => Err(StoreError::Unreadable {
            what: "a range",
            value: text.to_owned(),
        }),
    }
}

/// Text that PostgreSQL reads as `int4multirange`.
pub fn write(spans: &[Span]) -> String {
    let pieces: Vec<String> = spans
        .iter()
        .map(|s| format!("[{},{})", s.lo, s.hi))
        .collect();
    format!("{{{}}}", pieces.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiranges_go_there_and_back() {
        for spans in [vec![], vec![(0, 5)], vec![(0, 5), (7, 9), (100, 101)]] {
            let spans: Vec<Span> = spans.iter().map(|&(lo, hi)| Span { lo, hi }).collect();
            assert_eq!(parse(&write(&spans)).unwrap(), spans);
        }
        assert_eq!(parse_one("[3,9)").unwrap(), Span { lo: 3, hi: 9 });
        assert!(parse("[0,5)").is_err());
        assert!(parse("{(0,5]}").is_err());
        assert!(parse_one("empty").is_err());
    }
}
