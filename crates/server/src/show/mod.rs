//! What the rooms below know, in the words of the wire: one file per noun, each match without a rest.

mod attention;
mod flow;
mod run;
mod task;
mod word;
mod work_unit;

pub(crate) use attention::attention;
pub(crate) use flow::flow;
pub(crate) use run::{run, run_detail, usage};
pub(crate) use task::{task, transcript_entry};
pub(crate) use word::{
    choice_of, phase, phase_of, run_status, run_status_of, size, size_of, status, status_of, step_kind,
};
pub(crate) use work_unit::{order, status_change, work_unit};

/// An id of one room as the same id in another.
pub(crate) trait Id<Other> {
    /// The other one, with the same bits.
    fn other(self) -> Other;
}

macro_rules! ids {
    ($($name:ident)*) => {$(
        impl Id<api::$name> for domain::$name {
            fn other(self) -> api::$name {
                api::$name::from_bits(self.bits())
            }
        }

        impl Id<domain::$name> for api::$name {
            fn other(self) -> domain::$name {
                domain::$name::from_bits(self.bits())
            }
        }
    )*};
}

ids! { ProjectId RunId UnitId TaskId ChatId AttentionId }

/// The same id on the other side of the wire.
pub(crate) fn id<Other>(id: impl Id<Other>) -> Other {
    id.other()
}
