//! Owns: lines out of bytes, whatever the bytes are.

use engine::faults::{Control, is_off};

/// No line is longer; what is beyond is counted and thrown away.
pub(crate) const LINE_MAX: usize = 1 << 20;

/// A line, as far as it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// What it says, without its end; bytes that are no text replaced.
    pub(crate) text: String,
    /// Bytes that did not fit.
    pub(crate) cut: u64,
}

/// Collects bytes until they make a line.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    kept: Vec<u8>,
    cut: u64,
}

impl Lines {
    /// Takes bytes and gives the lines that they complete.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.keep(&bytes[..end]);
            lines.push(self.take());
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
        lines
    }

    /// What came after the last line end.
    pub(crate) fn rest(&mut self) -> Option<Line> {
        (!self.kept.is_empty() || self.cut > 0).then(|| self.take())
    }

    fn keep(&mut self, bytes: &[u8]) {
        let most = if is_off(Control::LineCap) {
            usize::MAX
        } else {
            LINE_MAX
        };
        let fits = bytes.len().min(most - self.kept.len());
        self.kept.extend_from_slice(&bytes[..fits]);
        self.cut += (bytes.len() - fits) as u64;
    }

    fn take(&mut self) -> Line {
        let bytes = std::mem::take(&mut self.kept);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(&bytes);
        Line {
            text: String::from_utf8_lossy(bytes).into_owned(),
            cut: std::mem::take(&mut self.cut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line {
            text: text.to_owned(),
            cut: 0,
        }
    }

    #[test]
    fn lines_come_whole_however_the_bytes_come() {
        let mut lines = Lines::default();
        assert_eq!(lines.feed(b"one\r\ntw"), [line("one")]);
        assert_eq!(lines.feed(b"o\n\nthr"), [line("two"), line("")]);
        assert_eq!(lines.rest(), Some(line("thr")));
        assert_eq!(lines.rest(), None);
    }

    #[test]
    fn f_35_bytes_that_are_no_text_are_replaced() {
        let mut lines = Lines::default();
        assert_eq!(lines.feed(b"a\xff\0b\n"), [line("a\u{fffd}\0b")]);
    }

    #[test]
    fn f_35_a_line_without_end_is_kept_up_to_the_cap() {
        let mut lines = Lines::default();
        for _ in 0..5 {
            assert_eq!(lines.feed(&vec![b'x'; LINE_MAX / 2]), []);
        }
        let kept = lines.feed(b"\nnext\n");
        assert_eq!(kept[0].text.len(), LINE_MAX);
        assert_eq!(kept[0].cut, (LINE_MAX / 2 * 3) as u64);
        assert_eq!(kept[1], line("next"));
    }
}
