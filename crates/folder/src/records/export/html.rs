//! A page that stands alone: one style, no scripts, and every text escaped.

/// The language of what the pages say beside the records' own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// 中文
    Chinese,
    /// English
    English,
}

impl Language {
    /// One of two texts.
    pub(super) const fn say<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Chinese => zh,
            Self::English => en,
        }
    }

    const fn code(self) -> &'static str {
        self.say("zh", "en")
    }
}

const STYLE: &str = "body{font:16px/1.6 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}\
h1{font-size:1.5rem;margin:0 0 .5rem}h2{font-size:1.1rem;margin:1.5rem 0 .3rem}p{margin:.3rem 0}\
table{border-collapse:collapse;margin:.4rem 0}td,th{border:1px solid #ccc;padding:.2rem .6rem;text-align:left;vertical-align:top}\
th{background:#f4f4f4}.old{background:#fff3cd;border:1px solid #e0c060;padding:.5rem .8rem}.ok{color:#176b2c}.bad{color:#a11}\
.dim{color:#666;font-size:.9rem}";

/// A page around a body that is HTML already.
pub(super) fn page(title: &str, body: &str, language: Language) -> String {
    let (code, title) = (language.code(), escape(title));
    format!(
        "<!DOCTYPE html>\n<html lang=\"{code}\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style></head>\n<body>\n{body}</body></html>\n"
    )
}

/// Text as HTML content or attribute. What turns the direction of text or commands is left out.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(' '),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The same of a path that begins in the folder above this page's.
pub(super) fn beside(path: &str) -> String {
    format!(".{}", address(path))
}

/// A path below this page as the address of a link.
pub(super) fn address(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => {
                out.push(char::from(byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("./{out}")
}

/// Lines as paragraphs; those that hold tabs as rows of a table, whose first row is its heading where
/// it reads like one.
pub(super) fn lines(lines: &[String]) -> String {
    let groups = lines.chunk_by(|a, b| a.contains('\t') && b.contains('\t'));
    groups.map(group).collect()
}

fn group(lines: &[String]) -> String {
    let is_table = lines.first().is_some_and(|line| line.contains('\t'));
    if !is_table {
        let paragraphs = lines
            .iter()
            .map(|line| format!("<p>{}</p>\n", escape(line)));
        return paragraphs.collect();
    }
    let headed = is_headed(lines);
    let row = |(number, line): (usize, &String)| {
        let cell = match headed && number == 0 {
            true => "th",
            false => "td",
        };
        let cells = line.split('\t').map(escape);
        let cells = cells.map(|text| format!("<{cell}>{text}</{cell}>"));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let rows = lines.iter().enumerate().map(row);
    format!("<table>\n{}</table>\n", rows.collect::<String>())
}

/// Names of columns: three or more, each with a text, none with a figure, over rows that hold some.
fn is_headed(rows: &[String]) -> bool {
    let has_figure = |text: &str| text.contains(|c: char| c.is_numeric());
    let Some((first, others)) = rows.split_first() else {
        return false;
    };
    let cells = first.split('\t');
    let named = cells.clone().count() > 2 && cells.clone().all(|cell| !cell.trim().is_empty());
    named && !has_figure(first) && others.iter().any(|row| has_figure(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_hospital_wrote_is_never_markup() {
        let hostile = "<script>x()</script>\" onload='y' &amp;\u{202e}\u{1b}";
        let shown = [
            escape(hostile),
            lines(&[hostile.to_owned(), format!("{hostile}\tz")]),
            page(hostile, "", Language::English),
        ]
        .concat();
        let shown = shown.replace("<style>", "");
        assert!(
            !shown.contains("<script") && !shown.contains(" onload='"),
            "{shown}"
        );
        assert!(!shown.contains(['\u{202e}', '\u{1b}']));
    }

    #[test]
    fn a_table_has_a_heading_where_its_first_row_names_columns() {
        let table =
            |rows: &[&str]| lines(&rows.iter().map(|row| (*row).into()).collect::<Vec<_>>());
        let named = table(&["项目\t结果\t单位", "钾\t4.5\tmmol/L"]);
        assert!(named.contains("<th>项目</th>") && named.contains("<td>4.5</td>"));
        let figures = table(&["钾\t4.5\tmmol/L", "钠\t140\tmmol/L"]);
        assert!(!figures.contains("<th>"));
    }

    #[test]
    fn an_address_stays_below_its_page_and_runs_nothing() {
        assert_eq!(address("javascript:x"), "./javascript%3Ax");
        assert_eq!(address("a b/片.png"), "./a%20b/%E7%89%87.png");
    }
}
