//! The result of one benchmark, for programs and for people.

use serde_json::{Value, json};

use crate::catalogue::{Benchmark, Goal, Pick};
use crate::measure::{Samples, quantile};

/// Who the service is in the samples.
const OURS: &str = "porthole";

/// One result.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    unit: &'static str,
    what: &'static str,
    goal: String,
    ours: Option<f64>,
    /// The best peer and its number.
    peer: Option<(&'static str, f64)>,
    ratio: Option<f64>,
    met: Option<bool>,
    samples: Samples,
    /// How busy the machine was when it began.
    load: f64,
}

impl Row {
    pub(crate) fn new(benchmark: &Benchmark, samples: Samples, load: f64) -> Self {
        let part = match benchmark.pick {
            Pick::Least => 0.0,
            Pick::Median => 0.5,
        };
        let value = |numbers: &[f64]| quantile(numbers, part).ok();
        let ours = samples.by.get(OURS).and_then(|numbers| value(numbers));
        let peers = samples.by.iter().filter(|(who, _)| **who != OURS);
        let peers = peers.filter_map(|(who, numbers)| Some((*who, value(numbers)?)));
        let more_is_better = matches!(benchmark.goal, Goal::AtLeastOfPeer(_));
        let peer = if more_is_better {
            peers.max_by(|a, b| a.1.total_cmp(&b.1))
        } else {
            peers.min_by(|a, b| a.1.total_cmp(&b.1))
        };
        let ratio = ours.zip(peer).and_then(|(ours, (_, peer))| (peer > 0.0).then(|| ours / peer));
        let (goal, met) = match benchmark.goal {
            Goal::AtMost(most) => {
                (format!("<= {most} {}", benchmark.unit), ours.map(|ours| ours <= most))
            }
            Goal::Within(more) => {
                let met = ours.zip(peer).map(|(ours, (_, peer))| ours <= peer + more);
                (format!("<= {more} {} more than the best peer", benchmark.unit), met)
            }
            Goal::Known => ("-".to_owned(), None),
            Goal::AtLeastOfPeer(least) => {
                let goal = format!(">= {least} of the best peer");
                (goal, ratio.map(|ratio| ratio >= least))
            }
            Goal::OfPeer(most) => {
                (format!("<= {most} of the best peer"), ratio.map(|ratio| ratio <= most))
            }
        };
        let Benchmark { id, unit, what, .. } = *benchmark;
        Self { id, unit, what, goal, ours, peer, ratio, met, samples, load }
    }

    /// The row as JSON; what could not be had is null.
    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "unit": self.unit,
            "ours": self.ours,
            "peer": self.peer.map(|(who, _)| who),
            "peer_value": self.peer.map(|(_, value)| value),
            "ratio": self.ratio,
            "goal": self.goal,
            "met": self.met,
            "rounds": self.samples.by,
            "notes": self.samples.notes,
            "load": self.load,
        })
    }

    /// The row as a line of a Markdown table.
    pub(crate) fn line(&self) -> String {
        let number = |value: Option<f64>| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
        };
        let peer =
            self.peer.map_or_else(|| "-".to_owned(), |(who, value)| format!("{who} {value:.2}"));
        let met = match self.met {
            Some(true) => "yes",
            Some(false) => "no",
            None => "-",
        };
        format!(
            "| `{}` | {} | {} | {} | {peer} | {} | {} | {met} |",
            self.id,
            self.what,
            self.unit,
            number(self.ours),
            number(self.ratio),
            self.goal
        )
    }

    /// What a reader of the numbers must know.
    pub(crate) fn notes(&self) -> &[String] {
        &self.samples.notes
    }
}

/// The head of the table.
pub(crate) const HEAD: &str = "| id | what | unit | ours | best peer | ratio | goal | met |\n\
     |---|---|---|---|---|---|---|---|";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::chosen;

    fn row(id: &str, by: &[(&'static str, &[f64])]) -> Value {
        let mut samples = Samples::default();
        for (who, numbers) in by {
            numbers.iter().for_each(|number| samples.add(who, *number));
        }
        Row::new(chosen(&[id.to_owned()])[0], samples, 0.0).json()
    }

    #[test]
    fn the_best_peer_is_the_one_to_beat() {
        let by: &[(_, &[f64])] =
            &[("porthole", &[5.0, 4.0]), ("sway", &[8.0, 9.0]), ("weston", &[20.0])];
        let row = row("compose.cockpit", by);
        assert_eq!(
            (&row["peer"], &row["ratio"], &row["met"]),
            (&"sway".into(), &0.5.into(), &true.into())
        );
    }

    #[test]
    fn nothing_is_said_of_a_peer_that_cannot_be_had() {
        let row = row("compose.cockpit", &[("porthole", &[5.0])]);
        assert!(row["peer"].is_null() && row["ratio"].is_null() && row["met"].is_null());
        assert_eq!(row["ours"], 5.0);
    }

    #[test]
    fn a_start_may_take_a_little_longer() {
        let by = |ours| row("adapter.first.bios", &[("porthole", &[ours]), ("VGA", &[100.0])]);
        assert_eq!((&by(149.0)["met"], &by(151.0)["met"]), (&true.into(), &false.into()));
    }

    #[test]
    fn a_fixed_goal_needs_no_peer() {
        assert_eq!(row("capture.idle", &[("porthole", &[1.0, 9.0, 1.2])])["met"], true);
        assert_eq!(row("capture.idle", &[("porthole", &[2.0])])["met"], false);
    }
}
