//! Reads server-sent events out of bytes, however they are cut.

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// Its kind; empty for the usual one.
    pub(super) event: String,
    /// Its id.
    pub(super) id: Option<String>,
    /// Its data.
    pub(super) data: String,
}

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    event: Event,
    has_data: bool,
}

/// A line longer than this is no feed of ours.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024 * 1024;

impl Parser {
    /// Takes bytes; gives the events that they complete. None when a line has no end.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Option<Vec<Event>> {
        let mut events = Vec::new();
        for byte in bytes {
            if *byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                events.extend(self.end_line(&String::from_utf8_lossy(&line)));
            } else if *byte != b'\r' {
                self.line.push(*byte);
            }
        }
        (self.line.len() <= LINE_BYTES_MAX).then_some(events)
    }

    fn end_line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.event),
            "id" => self.event.id = Some(value.to_owned()),
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            // A comment, or a field that we do not use.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_they_are_cut() {
        let text = ": hello\n\nid: 3\ndata: {\"a\":\ndata: 1}\n\nevent: closed\ndata: bye\r\n\r\n: beat\n\n";
        let whole = Parser::default().take(text.as_bytes()).unwrap();
        let mut parser = Parser::default();
        let cut: Vec<Event> = text
            .bytes()
            .flat_map(|byte| parser.take(&[byte]).unwrap())
            .collect();
        let expected = [
            Event {
                event: String::new(),
                id: Some("3".to_owned()),
                data: "{\"a\":\n1}".to_owned(),
            },
            Event {
                event: "closed".to_owned(),
                id: None,
                data: "bye".to_owned(),
            },
        ];
        assert_eq!(whole, expected);
        assert_eq!(cut, expected);
    }
}
