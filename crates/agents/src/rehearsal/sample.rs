//! The demo's sample project: a small tool with one defect, and tests that show it. The demo's script mends exactly
//! that.

/// A file of the sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleFile {
    /// Where it goes, relative to the project.
    pub path: &'static str,
    /// What it says.
    pub content: &'static str,
    /// Whether it can be run.
    pub is_executable: bool,
}

/// Every file of the sample, to be written into a new repository.
#[must_use]
pub const fn sample() -> &'static [SampleFile] {
    &FILES
}

const FILES: [SampleFile; 6] = [
    text("README.md", include_str!("sample/README.md")),
    program("invoice.sh", include_str!("sample/invoice.sh")),
    program("tests/run.sh", include_str!("sample/tests/run.sh")),
    text(
        "tests/orders/plain.txt",
        include_str!("sample/tests/orders/plain.txt"),
    ),
    text(
        "tests/orders/mixed.txt",
        include_str!("sample/tests/orders/mixed.txt"),
    ),
    text(
        "tests/orders/empty.txt",
        include_str!("sample/tests/orders/empty.txt"),
    ),
];

const fn text(path: &'static str, content: &'static str) -> SampleFile {
    SampleFile {
        path,
        content,
        is_executable: false,
    }
}

const fn program(path: &'static str, content: &'static str) -> SampleFile {
    SampleFile {
        path,
        content,
        is_executable: true,
    }
}
