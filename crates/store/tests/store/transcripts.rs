//! Transcripts: what is kept, what is told, what is taken out.

use crate::common::{TestHome, later};
use domain::{ChatId, Moment, TaskId};
use engine::ports::{Clock, Entry, EntryKind, Later, ToolStatus, Transcripts};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use store::{TranscriptFiles, TranscriptLimits};

struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> Moment {
        later(0)
    }

    fn sleep_until(&self, _until: Moment) -> Later<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

const TASK: TaskId = TaskId::from_bits(0xabcd_ef00_0000_0000_0000_0000_0000_0001);
const CHAT: ChatId = ChatId::from_bits(2);

fn open(home: &TestHome, limits: TranscriptLimits) -> TranscriptFiles {
    TranscriptFiles::open(&home.home, limits, Arc::new(StillClock)).unwrap()
}

fn say(files: &TranscriptFiles, kind: EntryKind) {
    files.append(Entry {
        chat: CHAT,
        task: TASK,
        kind,
    });
}

fn text(text: &str) -> EntryKind {
    EntryKind::Text(text.to_owned())
}

fn path(home: &TestHome) -> PathBuf {
    home.home.transcripts().join("ab").join(format!("{TASK}.jsonl"))
}

async fn all(files: &TranscriptFiles) -> Vec<EntryKind> {
    let page = files.read(TASK, 0, 1_000).await.unwrap();
    assert!(page.entries.iter().map(|entry| entry.index).eq(0..page.next));
    page.entries.into_iter().map(|entry| entry.kind).collect()
}

fn every_kind() -> Vec<EntryKind> {
    vec![
        EntryKind::Prompt("Look.".to_owned()),
        EntryKind::Thought("Hm.".to_owned()),
        text("Found it."),
        EntryKind::Tool {
            id: "call-1".to_owned(),
            title: "read".to_owned(),
            status: ToolStatus::Completed,
            detail: "a\nb".to_owned(),
        },
        EntryKind::Permission {
            title: "write".to_owned(),
            allowed: false,
            rule: "read only".to_owned(),
        },
        EntryKind::Notice("retrying".to_owned()),
        EntryKind::Raw("warning: ö\n".to_owned()),
        EntryKind::MessageEnd,
    ]
}

#[tokio::test]
async fn what_an_agent_said_is_read_back_in_order_from_any_entry_on() {
    let home = TestHome::new();
    let files = open(&home, TranscriptLimits::default());
    for _ in 0..3 {
        every_kind().into_iter().for_each(|kind| say(&files, kind));
    }
    files.settled().await;
    let expected: Vec<_> = (0..3).flat_map(|_| every_kind()).collect();
    assert_eq!(all(&files).await, expected);
    let page = files.read(TASK, 20, 3).await.unwrap();
    assert_eq!(page.next, 23);
    assert_eq!(
        page.entries
            .into_iter()
            .map(|entry| entry.kind)
            .collect::<Vec<_>>(),
        expected[20..23]
    );
    assert_eq!(files.read(TASK, 24, 9).await.unwrap().next, 24);
    assert_eq!(files.read(TaskId::from_bits(9), 0, 9).await.unwrap().entries, []);
    files.close(TASK);
    files.stop().await;
    assert_eq!(
        fs::metadata(path(&home)).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[tokio::test]
async fn a_transcript_goes_on_after_a_restart_and_a_torn_line_is_mended() {
    let home = TestHome::new();
    let files = open(&home, TranscriptLimits::default());
    every_kind().into_iter().for_each(|kind| say(&files, kind));
    files.stop().await;
    // A crash in the middle of a line, and before the index was written.
    let mut torn = fs::read(path(&home)).unwrap();
    torn.extend_from_slice(b"{\"v\":1,\"at_ms\":17");
    fs::write(path(&home), torn).unwrap();
    fs::write(path(&home).with_extension("idx"), [0; 16]).unwrap();
    let files = open(&home, TranscriptLimits::default());
    assert_eq!(all(&files).await, every_kind());
    say(&files, text("again"));
    files.settled().await;
    assert_eq!(all(&files).await, [every_kind(), vec![text("again")]].concat());
    assert_eq!(
        files.read(TASK, 8, 9).await.unwrap().entries[0].kind,
        text("again")
    );
}

#[tokio::test]
async fn listeners_hear_entries_and_are_told_where_to_read_what_they_missed() {
    let home = TestHome::new();
    let files = open(&home, TranscriptLimits::default());
    let listener = files.subscribe();
    say(&files, text("one"));
    files.settled().await;
    listener.changed().await;
    let heard = listener.take();
    let entry = heard[0].entry.as_ref().unwrap();
    assert_eq!((heard.len(), heard[0].from, heard[0].until), (1, 0, 1));
    assert_eq!(
        (entry.index, &entry.kind, entry.task, entry.at),
        (0, &text("one"), TASK, later(0))
    );
    let long = "x".repeat(100_000);
    for _ in 0..100 {
        say(&files, EntryKind::Prompt(long.clone()));
    }
    files.settled().await;
    let heard = listener.take();
    let kept = heard.iter().filter(|part| part.entry.is_some()).count();
    assert!((1..100).contains(&kept), "{kept}");
    let missed = heard.last().unwrap();
    assert_eq!((missed.until, &missed.entry), (101, &None));
    assert_eq!(missed.from, kept as u64 + 1, "no gap, no double");
    let page = files.read(TASK, missed.from, 1).await.unwrap();
    assert_eq!(page.entries[0].kind, EntryKind::Prompt(long));
}

#[tokio::test]
async fn an_answer_has_a_bound_in_bytes_and_says_whether_more_follows() {
    let home = TestHome::new();
    let files = open(&home, TranscriptLimits::default());
    let long = EntryKind::Prompt("x".repeat(500_000));
    for _ in 0..5 {
        say(&files, long.clone());
    }
    files.settled().await;
    let (mut next, mut sizes) = (0, Vec::new());
    loop {
        let page = files.read(TASK, next, 1_000).await.unwrap();
        sizes.push(page.entries.len());
        next = page.next;
        if page.is_end {
            break;
        }
    }
    assert_eq!((sizes, next), (vec![3, 2], 5));
}

#[tokio::test]
async fn a_long_transcript_keeps_its_beginning_and_its_end() {
    let home = TestHome::new();
    let limits = TranscriptLimits {
        task_bytes: 4_000,
        end_bytes: 1_000,
        entry_bytes: 300,
    };
    let files = open(&home, limits);
    // Unlike pieces of a text, these are never joined.
    let line = |number: usize| EntryKind::Prompt(format!("line {number}"));
    (0..100).for_each(|number| say(&files, line(number)));
    files.close(TASK);
    files.settled().await;
    let kept = all(&files).await;
    assert_eq!((kept.first(), kept.last()), (Some(&line(0)), Some(&line(99))));
    let notices: Vec<_> = kept
        .iter()
        .filter(|kind| matches!(kind, EntryKind::Notice(_)))
        .collect();
    assert_eq!(notices.len(), 2);
    let lines = kept
        .iter()
        .filter(|kind| matches!(kind, EntryKind::Prompt(_)))
        .count();
    let expected = format!("{} entries were left out here.", 100 - lines);
    assert!(notices.contains(&&EntryKind::Notice(expected)), "{notices:?}");
    assert!(fs::metadata(path(&home)).unwrap().len() < 4_600);
}

#[tokio::test]
async fn pieces_that_wait_become_fewer_entries_and_nothing_of_them_is_lost() {
    // Together they weigh more than may wait: what was joined must not weigh on.
    const ROUNDS: usize = 6;
    const PIECES: usize = 100_000;
    let home = TestHome::new();
    let files = open(&home, TranscriptLimits::default());
    for _ in 0..ROUNDS {
        for number in 0..PIECES {
            say(&files, text(if number % 2 == 0 { "a" } else { "b" }));
        }
        files.settled().await;
    }
    say(&files, EntryKind::MessageEnd);
    files.settled().await;
    let (mut said, mut entries, mut from) = (String::new(), 0, 0);
    loop {
        let page = files.read(TASK, from, 1_000).await.unwrap();
        if page.entries.is_empty() {
            break;
        }
        for entry in &page.entries {
            assert_eq!(entry.index, entries, "no gap");
            entries += 1;
            match &entry.kind {
                EntryKind::Text(text) => said.push_str(text),
                other => assert_eq!(*other, EntryKind::MessageEnd),
            }
        }
        from = page.next;
    }
    assert_eq!(said, "ab".repeat(ROUNDS * PIECES / 2));
    assert!(entries < (ROUNDS * PIECES / 4) as u64, "{entries}");
}

#[tokio::test]
async fn a_long_entry_keeps_its_ends() {
    let home = TestHome::new();
    let files = open(
        &home,
        TranscriptLimits {
            entry_bytes: 100,
            ..TranscriptLimits::default()
        },
    );
    say(&files, EntryKind::Raw(format!("{}{}", "ö".repeat(200), "end")));
    files.settled().await;
    let EntryKind::Raw(raw) = all(&files).await.remove(0) else {
        panic!("another kind")
    };
    assert!(
        raw.starts_with('ö') && raw.ends_with("end") && raw.contains("bytes left out"),
        "{raw}"
    );
}

#[tokio::test]
async fn no_secret_is_written_or_told_whatever_the_pieces() {
    let home = TestHome::new();
    let files = open(&home, TranscriptLimits::default());
    assert!(files.redactor().add("correct horse battery"));
    let listener = files.subscribe();
    for piece in [
        "The key is corr",
        "ect hor",
        "se batt",
        "ery, and sk-ant-",
        "api03-",
        &"x".repeat(30),
        " too.",
    ] {
        say(&files, text(piece));
    }
    say(
        &files,
        EntryKind::Raw("Authorization: Bearer abcdefghijklmnopqrstuvwxyz".to_owned()),
    );
    say(
        &files,
        EntryKind::Tool {
            id: "1".to_owned(),
            title: "echo correct horse battery".to_owned(),
            status: ToolStatus::Running,
            detail: "Y29ycmVjdCBob3JzZSBiYXR0ZXJ5".to_owned(),
        },
    );
    say(&files, EntryKind::MessageEnd);
    files.close(TASK);
    files.settled().await;
    let written = fs::read_to_string(path(&home)).unwrap();
    for secret in ["horse", "xxxx", "abcdefgh", "Y29ycmVj"] {
        assert!(!written.contains(secret), "{written}");
    }
    let mut told = String::new();
    for part in listener.take() {
        if let EntryKind::Text(piece) = part.entry.unwrap().kind {
            told.push_str(&piece);
        }
    }
    assert_eq!(told, "The key is [secret], and [secret] too.");
}

#[tokio::test]
async fn s4_11_two_steps_at_once_never_mix_their_words() {
    let home = TestHome::new();
    let files = open(&home, TranscriptLimits::default());
    assert!(files.redactor().add("secret of both"));
    let tasks = [TaskId::from_bits(1), TaskId::from_bits(2)];
    let words = ["one secr", "two secre", "et of both.", "ly."];
    for (number, word) in words.iter().enumerate() {
        let (task, chat) = (tasks[number % 2], ChatId::from_bits(10 + (number % 2) as u128));
        files.append(Entry {
            chat,
            task,
            kind: text(word),
        });
    }
    tasks.iter().for_each(|task| files.close(*task));
    files.settled().await;
    let mut said = Vec::new();
    for task in tasks {
        let entries = files.read(task, 0, 9).await.unwrap().entries;
        let chats: Vec<_> = entries.iter().map(|entry| entry.chat).collect();
        assert!(
            chats
                .iter()
                .all(|chat| *chat == chats[0] && entries[0].task == task)
        );
        said.push(entries.into_iter().map(|entry| {
            if let EntryKind::Text(text) = entry.kind {
                text
            } else {
                String::new()
            }
        }));
    }
    let said: Vec<String> = said.into_iter().map(Iterator::collect).collect();
    assert_eq!(said, ["one [secret].", "two secrely."]);
}
