//! Renders figures as lines of text.

use super::{Figure, Standing, Target};

/// Returns the table of all figures.
pub(crate) fn render(figures: &[Figure]) -> String {
    let mut text = format!(
        "{:<62} {:>16} {:>14} {:>14}  {}\n",
        "what", "measured", "floor", "goal", "stands"
    );
    for figure in figures {
        text += &line(figure);
        text.push('\n');
        if !figure.note.is_empty() {
            text += &format!("    {}\n", figure.note);
        }
    }
    text
}

/// Returns a figure's line.
pub(crate) fn line(figure: &Figure) -> String {
    let (floor, goal) = match figure.target {
        Some(Target::AtLeast { floor, goal }) => (bar("≥", floor), bar("≥", goal)),
        Some(Target::AtMost { floor, goal }) => (bar("≤", floor), bar("≤", goal)),
        None => (String::new(), String::new()),
    };
    let measured = format!("{} {}", number(figure.value), figure.unit);
    let standing = match figure.standing() {
        Standing::Goal => "goal reached",
        Standing::Floor => "floor reached",
        Standing::Below => "BELOW the floor",
        Standing::Untargeted => "",
    };
    let line = format!(
        "{:<62} {measured:>16} {floor:>14} {goal:>14}  {standing}",
        figure.what
    );
    line.trim_end().to_owned()
}

fn bar(sign: &str, value: f64) -> String {
    format!("{sign} {}", number(value))
}

/// Formats a number with a sensible number of digits.
fn number(value: f64) -> String {
    if value.abs() >= 1_000.0 {
        let digits = format!("{value:.0}");
        let (sign, digits) = digits
            .strip_prefix('-')
            .map_or(("", &*digits), |rest| ("-", rest));
        let mut grouped = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        format!("{sign}{grouped}")
    } else if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_with_their_significant_digits() {
        for (value, expected) in [
            (0.834, "0.83"),
            (12.345, "12.3"),
            (512.4, "512"),
            (999.9, "1000"),
            (1_000.0, "1,000"),
            (1_234_567.8, "1,234,568"),
            (-12_345.0, "-12,345"),
        ] {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn a_line_states_figure_floor_goal_and_standing() {
        let figure = Figure::new("p95", 1.2, "s").at_most(1.5, 1.0);
        let line = line(&figure);
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(
            words,
            [
                "p95", "1.20", "s", "≤", "1.50", "≤", "1.00", "floor", "reached"
            ]
        );
    }

    #[test]
    fn a_note_follows_its_figure() {
        let text = render(&[
            Figure::new("a", 1.0, "s").note("with care"),
            Figure::new("b", 2.0, "s"),
        ]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with('a') && lines[2].contains("with care"));
        assert!(lines[3].starts_with('b'));
    }
}
