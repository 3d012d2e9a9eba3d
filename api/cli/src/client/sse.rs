//! Reads `text/event-stream` as far as the farm uses it (HTML standard, §9.2): `id`, `data`, comments. Pure; bytes may
//! be cut anywhere.

/// Longest line; longer ones are cut, and then are not understood.
const MAX_LINE: usize = 1 << 20;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// The `id` it came with, or the last one before.
    pub id: Option<String>,
    /// Its lines of data.
    pub data: String,
}

/// What is read so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    line: Vec<u8>,
    after_cr: bool,
    id: Option<String>,
    data: Vec<String>,
}

impl Reader {
    /// Takes the next bytes; gives the events that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Message> {
        let mut found = Vec::new();
        for byte in bytes {
            let after_cr = std::mem::take(&mut self.after_cr);
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => {
                    self.after_cr = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    found.extend(self.end_of_line(&String::from_utf8_lossy(&line)));
                }
                _ if self.line.len() < MAX_LINE => self.line.push(*byte),
                _ => {}
            }
        }
        found
    }

    fn end_of_line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            return (!data.is_empty()).then(|| Message {
                id: self.id.clone(),
                data: data.join("\n"),
            });
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => self.data.push(value.to_owned()),
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // Comments have no name; `event` and `retry` are not used here.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: Option<&str>, data: &str) -> Message {
        Message {
            id: id.map(str::to_owned),
            data: data.to_owned(),
        }
    }

    #[test]
    fn events_are_read_however_they_are_cut() {
        let wire = ": ping\n\nid: 7\ndata: {\"a\":1}\n\nid: 8\r\ndata: two\r\ndata:lines\r\n\r\ndata: س\n\nid: 9\n\n";
        let expected = [
            message(Some("7"), "{\"a\":1}"),
            message(Some("8"), "two\nlines"),
            message(Some("8"), "س"),
        ];
        for size in 1..wire.len() {
            let mut reader = Reader::default();
            let found: Vec<_> = wire
                .as_bytes()
                .chunks(size)
                .flat_map(|piece| reader.push(piece))
                .collect();
            assert_eq!(found, expected, "cut every {size} bytes");
        }
    }

    #[test]
    fn an_endless_line_takes_no_endless_memory() {
        let mut reader = Reader::default();
        for _ in 0..40 {
            reader.push(&[b'x'; 100_000]);
        }
        assert_eq!(reader.line.len(), MAX_LINE);
    }
}
