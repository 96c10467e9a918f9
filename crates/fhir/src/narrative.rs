//! XHTML narrative to plain text and back.
//!
//! Reading drops all mark-up, comments, scripts and styles, and keeps line and cell breaks: what
//! comes out is text to be shown as text, never as HTML. Writing escapes everything.

use std::borrow::Cow;

/// Lines of text of an XHTML fragment, without empty ones; a tab between the cells of a table's row.
pub(crate) fn lines(xhtml: &str) -> Vec<String> {
    let text = text(xhtml);
    let lines = text.lines().map(cells);
    lines.filter(|line| !line.is_empty()).collect()
}

/// A tab stands before every cell.
fn cells(line: &str) -> String {
    let line = line.trim_start_matches([' ', '\u{3000}']);
    let line = line.strip_prefix(CELL).unwrap_or(line);
    let cells = line.trim_end().split(CELL).map(tidy).collect::<Vec<_>>();
    cells.join("\t")
}

/// Written before every cell of a table; in what a narrative says it is a space.
const CELL: char = '\t';

/// Text of an XHTML fragment; lines may be empty and hold more white space than they need.
pub(crate) fn text(xhtml: &str) -> String {
    let mut out = String::with_capacity(xhtml.len() / 2);
    let mut rest = xhtml;
    while let Some((text, tail)) = rest.split_once('<') {
        push_text(&mut out, text);
        rest = after_tag(&mut out, tail);
    }
    push_text(&mut out, rest);
    out
}

/// Whether an element begins and ends a line.
fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "li"
            | "tr"
            | "table"
            | "ul"
            | "ol"
            | "br"
            | "hr"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "blockquote"
            | "pre"
            | "dl"
            | "dt"
            | "dd"
            | "thead"
            | "tbody"
            | "caption"
    )
}

/// Text as XHTML content.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' => out.push(c),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Consumes a tag whose `<` was read; gives what follows it.
fn after_tag<'t>(out: &mut String, tail: &'t str) -> &'t str {
    if let Some(comment) = tail.strip_prefix("!--") {
        return comment.split_once("-->").map_or("", |(_, rest)| rest);
    }
    let Some((tag, rest)) = tail.split_once('>') else {
        return "";
    };
    let name = tag
        .trim_start_matches('/')
        .split([' ', '\t', '\n', '\r', '/'])
        .next();
    let mut name = Cow::Borrowed(name.unwrap_or_default());
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        name.to_mut().make_ascii_lowercase();
    }
    if is_block(&name) {
        out.push('\n');
    } else if matches!(name.as_ref(), "td" | "th") {
        out.push(if tag.starts_with('/') { ' ' } else { CELL });
    }
    let hidden = matches!(name.as_ref(), "script" | "style") && !tag.starts_with('/');
    if hidden && !tag.ends_with('/') {
        return rest
            .find(&format!("</{name}"))
            .and_then(|at| rest.get(at..))
            .unwrap_or_default();
    }
    rest
}

fn push_text(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some((plain, tail)) = rest.split_once('&') {
        push_plain(out, plain);
        match tail
            .split_once(';')
            .and_then(|(name, after)| Some((entity(name)?, after)))
        {
            Some((c, after)) => {
                out.push(c);
                rest = after;
            }
            None => {
                out.push('&');
                rest = tail;
            }
        }
    }
    push_plain(out, rest);
}

fn push_plain(out: &mut String, text: &str) {
    if text.chars().any(char::is_control) {
        out.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c }));
    } else {
        out.push_str(text);
    }
}

fn entity(name: &str) -> Option<char> {
    let code = name.strip_prefix('#');
    let number = match code.and_then(|c| c.strip_prefix(['x', 'X'])) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => code.and_then(|c| c.parse().ok()),
    };
    match (name, number) {
        ("amp", _) => Some('&'),
        ("lt", _) => Some('<'),
        ("gt", _) => Some('>'),
        ("quot", _) => Some('"'),
        ("apos", _) => Some('\''),
        ("nbsp", _) => Some(' '),
        (_, Some(n)) => char::from_u32(n).map(|c| if c.is_control() { ' ' } else { c }),
        _ => None,
    }
}

/// Words with one space between them.
pub(crate) fn tidy(line: &str) -> Cow<'_, str> {
    let line = line.trim();
    let mut behind_space = false;
    let untidy = line.chars().any(|c| {
        let twice = c.is_whitespace() && (behind_space || c != ' ');
        behind_space = c.is_whitespace();
        twice
    });
    if untidy {
        Cow::Owned(line.split_whitespace().collect::<Vec<_>>().join(" "))
    } else {
        Cow::Borrowed(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_up_goes_and_lines_stay() {
        let html = "<div xmlns=\"x\"><p>青霉素 &amp; &#x963F;莫西林</p><table><tr><td>a</td><td>b</td></tr></table></div>";
        assert_eq!(lines(html), ["青霉素 & 阿莫西林", "a\tb"]);
        let row = "<tr><th>钾</th><td/><td> 4.5\n mmol/L </td><td></td></tr>";
        assert_eq!(lines(row), ["钾\t\t4.5 mmol/L"]);
    }

    #[test]
    fn scripts_styles_and_comments_never_come_through() {
        let html = "a<script>alert(1)</script>b<!-- <p>c</p> -->d<style>p{}</style><scr";
        assert_eq!(lines(html), ["abd"]);
    }

    #[test]
    fn escaped_text_reads_back_as_itself() {
        let text = "<b> & \"x\" > &amp;";
        assert_eq!(lines(&escape(text)), [text]);
    }
}
