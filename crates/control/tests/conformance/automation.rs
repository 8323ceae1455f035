//! The target's automation: planned before it is touched, owed until it is on again, never switched on while its run writes.

use control::{Error, NewItem};
use model::migration::AutomationKind;
use model::{AutomationState, DesiredState, Failure, RunStatus, SwitchState};
use serde_json::json;

use crate::bed::{Bed, on_both};
use crate::fixture::{Fixture, MINUTE, NOW, object};

on_both!(
    a_plan_is_stored_once_and_carried_on_from_anywhere,
    nothing_is_switched_on_while_its_run_writes,
    a_try_that_came_to_nothing_is_due_again_later,
    giving_up_pauses_the_run_and_has_it_switched_on_again,
    what_other_runs_owe_is_known_by_place,
    it_is_asked_back_by_anyone_while_the_run_is_halted,
);

fn item(id: &str) -> NewItem {
    NewItem {
        id: id.to_owned(),
        kind: AutomationKind::ValidationRules,
        name: format!("Account.{id}"),
        object: "Account".to_owned(),
        was: json!({"active": true, "text": "a\u{0}b"}),
        off: json!({"active": false, "text": "a\u{0}b"}),
    }
}

async fn running(bed: &Bed) -> Fixture {
    let f = Fixture::of(bed, object("a", 0, 0), 1).await;
    status(bed, &f, RunStatus::Pending, RunStatus::Running).await;
    f
}

async fn status(bed: &Bed, f: &Fixture, from: RunStatus, to: RunStatus) {
    let control = &bed.control;
    control
        .set_status(f.term, &f.run, from, to, None)
        .await
        .unwrap();
}

async fn planned(bed: &Bed, f: &Fixture, items: &[NewItem]) -> bool {
    let control = &bed.control;
    control.want_automation_off(f.term, &f.run).await.unwrap();
    control
        .plan_automation(f.term, &f.run, "org", items, &json!(["by hand"]))
        .await
        .unwrap()
}

async fn state(bed: &Bed, f: &Fixture) -> AutomationState {
    bed.control.automation(&f.run).await.unwrap().unwrap().state
}

async fn a_plan_is_stored_once_and_carried_on_from_anywhere(bed: &Bed) {
    let (control, f) = (&bed.control, running(bed).await);
    assert_eq!(control.automation(&f.run).await.unwrap(), None);
    assert!(planned(bed, &f, &[item("1"), item("2")]).await);
    // Wanting it again, or planning it again, changes nothing now.
    let before = bed.content().await;
    assert!(!planned(bed, &f, &[item("3")]).await);
    assert_eq!(bed.content().await, before);
    let found = control.automation_items(&f.run).await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(
        (&found[0].item, found[0].state),
        (&item("1"), SwitchState::Planned)
    );
    control
        .set_automation_item(f.term, &f.run, "1", SwitchState::Off, Some("note"))
        .await
        .unwrap();
    let unknown = control
        .set_automation_item(f.term, &f.run, "9", SwitchState::Off, None)
        .await;
    assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");
    let (from, to) = (AutomationState::Planned, AutomationState::Off);
    assert!(
        control
            .set_automation(f.term, &f.run, from, to)
            .await
            .unwrap()
    );
    assert!(
        !control
            .set_automation(f.term, &f.run, from, to)
            .await
            .unwrap()
    );
    // Looked at again, an item that was on again is stored anew; the other keeps what is known of it.
    control.recheck_automation(f.term, &f.run).await.unwrap();
    assert_eq!(state(bed, &f).await, AutomationState::Wanted);
    assert!(planned(bed, &f, &[item("2")]).await);
    let found = control.automation_items(&f.run).await.unwrap();
    let states: Vec<_> = found.iter().map(|i| (i.state, i.note.as_deref())).collect();
    assert_eq!(
        states,
        [
            (SwitchState::Off, Some("note")),
            (SwitchState::Planned, None)
        ]
    );
    let by_hand = control.automation(&f.run).await.unwrap().unwrap().by_hand;
    assert_eq!(by_hand, Some(json!(["by hand"])));
}

async fn nothing_is_switched_on_while_its_run_writes(bed: &Bed) {
    let (control, f) = (&bed.control, running(bed).await);
    planned(bed, &f, &[item("1")]).await;
    let (from, to) = (AutomationState::Planned, AutomationState::Restoring);
    assert!(
        !control
            .set_automation(f.term, &f.run, from, to)
            .await
            .unwrap()
    );
    status(bed, &f, RunStatus::Running, RunStatus::Stopped).await;
    let open = control.open_automation().await.unwrap();
    assert_eq!(
        (open.len(), open[0].status, open[0].due),
        (1, RunStatus::Stopped, true)
    );
    assert!(
        control
            .set_automation(f.term, &f.run, from, to)
            .await
            .unwrap()
    );
    // A run that goes on has it off again, whatever was done by then.
    control.want_automation_off(f.term, &f.run).await.unwrap();
    assert_eq!(state(bed, &f).await, AutomationState::Restoring);
    status(bed, &f, RunStatus::Stopped, RunStatus::Running).await;
    control.want_automation_off(f.term, &f.run).await.unwrap();
    assert_eq!(state(bed, &f).await, AutomationState::Wanted);
    let on = AutomationState::On;
    assert!(
        !control
            .set_automation(f.term, &f.run, to, on)
            .await
            .unwrap()
    );
}

async fn a_try_that_came_to_nothing_is_due_again_later(bed: &Bed) {
    let (control, f) = (&bed.control, running(bed).await);
    planned(bed, &f, &[item("1")]).await;
    let failure = Failure::retry("unreachable", "no answer").hint("wait");
    for tries in 1..3 {
        control
            .automation_failed(f.term, &f.run, &failure, MINUTE)
            .await
            .unwrap();
        let open = control.open_automation().await.unwrap().remove(0);
        assert!(!open.due);
        assert_eq!(
            (open.automation.tries, open.automation.error.as_ref()),
            (tries, Some(&failure))
        );
    }
    control
        .automation_failed(f.term, &f.run, &failure, NOW)
        .await
        .unwrap();
    assert!(control.open_automation().await.unwrap()[0].due);
    let (from, to) = (AutomationState::Planned, AutomationState::Off);
    control
        .set_automation(f.term, &f.run, from, to)
        .await
        .unwrap();
    let automation = control.automation(&f.run).await.unwrap().unwrap();
    assert_eq!((automation.tries, automation.error), (0, None));
}

async fn giving_up_pauses_the_run_and_has_it_switched_on_again(bed: &Bed) {
    let (control, f) = (&bed.control, running(bed).await);
    planned(bed, &f, &[item("1")]).await;
    let failure = Failure::pause("no_access", "no right");
    control
        .give_automation_up(f.term, &f.run, &failure, "because")
        .await
        .unwrap();
    assert_eq!(state(bed, &f).await, AutomationState::Restoring);
    let run = control.run(&f.run).await.unwrap();
    assert_eq!(
        (run.desired, run.desired_reason.as_deref()),
        (DesiredState::Paused, Some("because"))
    );
    // It is not wanted off again before somebody has the run go on.
    control.want_automation_off(f.term, &f.run).await.unwrap();
    assert_eq!(state(bed, &f).await, AutomationState::Restoring);
}

async fn what_other_runs_owe_is_known_by_place(bed: &Bed) {
    let (one, other) = (running(bed).await, running(bed).await);
    let control = &bed.control;
    planned(bed, &one, &[item("1"), item("2")]).await;
    planned(bed, &other, &[item("1")]).await;
    let owed = |run| async move {
        let owed = control.automation_owed_by_others("org", run).await.unwrap();
        owed.into_iter()
            .map(|item| item.item.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(owed(&one.run).await, ["1"]);
    assert_eq!(owed(&other.run).await, ["1", "2"]);
    assert_eq!(
        control
            .automation_owed_by_others("elsewhere", &one.run)
            .await
            .unwrap(),
        []
    );
    control
        .set_automation_item(one.term, &one.run, "1", SwitchState::HandedOn, None)
        .await
        .unwrap();
    assert_eq!(owed(&other.run).await, ["2"]);
}

async fn it_is_asked_back_by_anyone_while_the_run_is_halted(bed: &Bed) {
    let (control, f) = (&bed.control, running(bed).await);
    assert!(!control.ask_automation_back(&f.run).await.unwrap());
    planned(bed, &f, &[item("1")]).await;
    let refused = control.ask_automation_back(&f.run).await;
    assert!(matches!(refused, Err(Error::Illegal(_))), "{refused:?}");
    status(bed, &f, RunStatus::Running, RunStatus::Paused).await;
    assert!(control.ask_automation_back(&f.run).await.unwrap());
    assert!(
        control.open_automation().await.unwrap()[0]
            .automation
            .restore_asked
    );
    // The answer is a try.
    control
        .automation_failed(f.term, &f.run, &Failure::retry("x", "y"), MINUTE)
        .await
        .unwrap();
    assert!(
        !control.open_automation().await.unwrap()[0]
            .automation
            .restore_asked
    );
}
