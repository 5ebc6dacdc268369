//! The real agents, the real program, a scripted model. Runs where the pinned agents are installed; `check` installs
//! them and names this layer as skipped where it cannot.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test says what it believes, and a note to whoever reads its failure"
)]

#[path = "../it/env.rs"]
#[expect(
    dead_code,
    reason = "the same user as in the other tests, of whom these need less"
)]
mod env;
mod script;
mod world;

mod access;
mod faults;
mod fix;
mod limits;
mod login;
mod long;
mod redirect;
mod repository;
mod review;
mod stop;
mod together;

/// Every case for every agent, each under a name of its own; `$more` is what holds for this agent only.
macro_rules! cases {
    ($($module:ident $agent:ident { $($more:tt)* })*) => { $(
        mod $module {
            use crate::{access, faults, fix, limits, long, redirect, repository, review, stop, together, world::$agent};

            #[test]
            fn s4_24_review_completes_with_a_report() {
                review::completes_with_a_report(&$agent);
            }

            #[test]
            fn fix_changes_a_file_on_a_branch() {
                fix::changes_a_file_on_a_branch(&$agent);
            }

            #[test]
            fn s4_19_s4_28_read_leaves_no_trace() {
                access::read_leaves_no_trace(&$agent);
            }

            #[test]
            fn f_38_a_cut_stream_and_a_500_end_in_success() {
                faults::a_cut_stream_and_a_500_end_in_success(&$agent);
            }

            #[test]
            fn cancel_leaves_no_process() {
                stop::cancel_leaves_no_process(&$agent);
            }

            #[test]
            fn long_inputs_are_read_from_their_file() {
                long::inputs_are_read_from_their_file(&$agent);
            }

            #[test]
            fn a_20_a_repository_configures_nothing() {
                repository::configures_nothing(&$agent);
            }

            #[test]
            fn a_21_the_endpoint_that_was_chosen_is_asked() {
                redirect::the_endpoint_that_was_chosen_is_asked(&$agent);
            }

            #[test]
            fn a_21_the_provider_is_asked_where_nothing_was_chosen() {
                redirect::the_provider_is_asked_where_nothing_was_chosen(&$agent);
            }

            #[test]
            fn s4_11_two_runs_of_four_never_mix() {
                together::transcripts_never_mix(&$agent);
            }

            #[test]
            $($more)*
        }
    )* };
}

cases! {
    claude CLAUDE {
        fn f_38_a_limit_parks_and_wakes() { limits::parks_and_wakes_by_itself(&CLAUDE, limits::used_up(5)); }
    }
    codex CODEX {
        fn f_38_a_limit_parks_and_wakes() { limits::parks_and_wakes_by_itself(&CODEX, limits::used_up(3)); }
    }
    gemini GEMINI {
        fn f_38_a_limit_parks_and_wakes() { limits::parks_and_wakes_by_itself(&GEMINI, limits::no_quota(8)); }

        #[test]
        fn f_38_a_limit_without_a_reset_parks() { limits::without_a_reset_parks_for_a_while(&GEMINI); }
    }
    opencode OPENCODE {
        fn f_38_a_silent_limit_ends_in_another_try() {
            limits::in_silence_ends_the_task_and_the_next_try_completes(&OPENCODE);
        }
    }
    qwen QWEN {
        fn f_38_a_silent_limit_ends_in_another_try() {
            limits::in_silence_ends_the_task_and_the_next_try_completes(&QWEN);
        }
    }
}
