//! Makes enums whose values are words on the wire: one spelling, one list, read back exactly.

/// Declares an enum of words: its spelling on the wire, `word`, `of_word` and `ALL` come from one list.
macro_rules! words {
    ($(#[doc = $about:literal])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[doc = $about])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word on the wire.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The one of that word.
            #[must_use]
            pub fn of_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.word() == word)
            }
        }

        // Not derived: the derive sees a variable of this macro where the word should be, and would describe the
        // names of the variants, which are never on the wire.
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some([$($about.trim()),*].join("\n")))
                    .enum_values(Some(Self::ALL.iter().map(|known| known.word())))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::NotAWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::of_word(word).ok_or_else(|| $crate::NotAWord {
                    found: word.to_owned(),
                    known: Self::ALL.iter().map(|known| known.word()).collect(),
                })
            }
        }
    };
}

pub(crate) use words;

/// Why a text is none of the words that are taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is none of {}", known.join(", "))]
pub struct NotAWord {
    /// What was given.
    pub found: String,
    /// What is taken.
    pub known: Vec<&'static str>,
}

#[cfg(test)]
mod tests {
    use crate::{RunStatus, TaskState, UnitPhase, UnitStatus};
    use utoipa::PartialSchema;

    #[test]
    fn s3_07_s3_08_the_words_of_a_unit_are_those_of_the_rows() {
        let phases: Vec<_> = UnitPhase::ALL.iter().map(|phase| phase.word()).collect();
        assert_eq!(phases, ["GOAL", "PLAN", "IMPLEMENT", "COMPLETE"]);
        let statuses: Vec<_> = UnitStatus::ALL.iter().map(|status| status.word()).collect();
        assert_eq!(
            statuses,
            ["READY", "RUNNING", "BLOCKED", "NEEDS_ATTENTION", "DONE"]
        );
    }

    #[test]
    fn the_document_describes_the_words_of_the_wire() {
        let described = serde_json::to_value(UnitStatus::schema()).unwrap();
        assert_eq!(
            described,
            serde_json::json!({
                "type": "string",
                "description": "What a unit is waiting for, or not.",
                "enum": ["READY", "RUNNING", "BLOCKED", "NEEDS_ATTENTION", "DONE"],
            })
        );
    }

    #[test]
    fn a_word_is_read_as_it_is_written() {
        for state in TaskState::ALL {
            assert_eq!(state.word().parse(), Ok(*state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
        }
        let error = "done".parse::<RunStatus>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`done` is none of running, completed, failed, cancelled"
        );
    }
}
