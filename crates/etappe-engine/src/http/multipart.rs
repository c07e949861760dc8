//! Multipart forms, in which some clients send the query and its parameters.

use crate::exception::{Exception, code};

/// Returns the boundary if the content type is a multipart form.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// Returns the form's fields in order.
pub(crate) fn fields(body: &[u8], boundary: &str) -> Result<Vec<(String, Vec<u8>)>, Exception> {
    let malformed = || {
        Exception::new(
            code::BAD_ARGUMENTS,
            "the multipart form is malformed. (BAD_ARGUMENTS)",
        )
    };
    let delimiter = format!("\r\n--{boundary}");
    let delimiter = delimiter.as_bytes();
    let first = delimiter.get(2..).unwrap_or_default();
    let start = memchr::memmem::find(body, first).ok_or_else(malformed)? + first.len();
    let mut rest = body.get(start..).unwrap_or_default();
    let mut fields = Vec::new();
    while !rest.starts_with(b"--") {
        let part = rest.strip_prefix(b"\r\n").ok_or_else(malformed)?;
        let end = memchr::memmem::find(part, delimiter).ok_or_else(malformed)?;
        let (part, after) = part.split_at(end);
        let head = memchr::memmem::find(part, b"\r\n\r\n").ok_or_else(malformed)?;
        let (head, value) = (&part[..head], &part[head + 4..]);
        let name = field_name(&String::from_utf8_lossy(head)).ok_or_else(malformed)?;
        fields.push((name, value.to_vec()));
        rest = after.get(delimiter.len()..).unwrap_or_default();
    }
    Ok(fields)
}

/// Returns the name in `Content-Disposition: form-data; name="…"`. External tables, which are sent
/// as files, are not supported.
fn field_name(head: &str) -> Option<String> {
    let disposition = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    })?;
    let name = disposition
        .split(';')
        .find_map(|part| part.trim().strip_prefix("name="))?;
    Some(name.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_with_their_line_feeds() {
        let body = "--X\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT\r\n1\r\n--X\r\nContent-Disposition: form-data; name=\"param_a\"\r\n\r\n\r\n--X--\r\n";
        let found = fields(body.as_bytes(), "X").unwrap();
        assert_eq!(found[0], ("query".to_owned(), b"SELECT\r\n1".to_vec()));
        assert_eq!(found[1], ("param_a".to_owned(), Vec::new()));
    }

    #[test]
    fn a_form_without_an_end_is_refused() {
        assert!(
            fields(
                b"--X\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSEL",
                "X"
            )
            .is_err()
        );
        assert!(fields(b"SELECT 1", "X").is_err());
    }

    #[test]
    fn the_boundary_is_found() {
        assert_eq!(
            boundary("multipart/form-data; boundary=\"a b\""),
            Some("a b".to_owned())
        );
        assert_eq!(
            boundary("Multipart/Form-Data;charset=x;boundary=y"),
            Some("y".to_owned())
        );
        assert_eq!(boundary("text/plain; boundary=y"), None);
    }
}
