//! The output of a step that did not apply or was skipped: whatever is asked of it is empty. A prompt that comes after
//! such a step still renders; a misspelt name stays an error, found when the flow is loaded.

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use std::fmt;
use std::sync::Arc;

#[derive(Debug)]
struct LeftOut;

impl Object for LeftOut {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(left_out())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// The value of a step that gave nothing.
pub(crate) fn left_out() -> Value {
    Value::from_object(LeftOut)
}

pub(super) fn is_left_out(value: &Value) -> bool {
    value.downcast_object_ref::<LeftOut>().is_some()
}
