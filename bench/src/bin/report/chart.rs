//! Horizontal bars on a logarithmic scale, as SVG that is readable on light and on dark pages.

use std::fmt::Write as _;

use tower_auth_bench::Figure;

use crate::measured::Measured;
use crate::table::number;

const LABEL: f64 = 430.0;
const BARS: f64 = 420.0;
const VALUE: f64 = 110.0;
const ROW: f64 = 22.0;

/// What the chart of a group is called.
pub(crate) fn file_name(group: &str) -> String {
    let words = group.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    format!("{}.svg", words.collect::<Vec<_>>().join("-").to_lowercase())
}

/// A chart of one group: the cases at one thread and at two, as multiples of the floor.
pub(crate) fn of_group(measured: &Measured, group: &str) -> String {
    let floor = measured.floor(group).unwrap_or(1.0);
    let figures: Vec<&Figure> = measured.of_group(group).into_iter().filter(|figure| figure.value > 0.0).collect();
    let ratios = figures.iter().map(|figure| figure.value / floor);
    let (least, most) = ratios.fold((1.0_f64, 1.0_f64), |(least, most), ratio| (least.min(ratio), most.max(ratio)));
    // A bar of the least value is to be seen too.
    let (from, to) = ((least / 1.5).ln(), (most * 1.05).ln());
    let width = |ratio: f64| (BARS * (ratio.ln() - from) / (to - from)).max(1.0);
    let height = ROW.mul_add(figures.len() as f64, 40.0);
    let total = LABEL + BARS + VALUE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {total} {height}\" font-family=\"sans-serif\" font-size=\"12\" \
         role=\"img\" aria-label=\"{group}\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"8\" y=\"18\" font-weight=\"bold\">{group}: multiples of the floor, logarithmic</text>\n",
        group = escaped(group),
    );
    let line = LABEL + width(1.0);
    let _ = writeln!(
        svg,
        "<line x1=\"{line:.1}\" x2=\"{line:.1}\" y1=\"28\" y2=\"{height}\" stroke=\"#888\" stroke-dasharray=\"3 3\"/>"
    );
    for (number_of, figure) in figures.iter().enumerate() {
        let y = ROW.mul_add(number_of as f64, 32.0);
        let ratio = figure.value / floor;
        let label = format!("{} ({}t)", figure.name, figure.threads);
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LABEL}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{} ({} {})</text>",
            LABEL - 8.0,
            y + 13.0,
            escaped(&label),
            y + 2.0,
            width(ratio),
            ROW - 6.0,
            colour(&figure.name),
            LABEL + width(ratio) + 6.0,
            y + 13.0,
            number(ratio),
            number(figure.value),
            figure.unit,
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn colour(name: &str) -> &'static str {
    match name.split_once(": ") {
        Some(("floor", _)) => "#9aa0a6",
        Some(("ours", _)) => "#1a73e8",
        Some(("design", _)) => "#f9ab00",
        _ => "#d93025",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
