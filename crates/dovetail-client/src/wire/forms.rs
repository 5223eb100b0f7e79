//! Multipart forms and headers, from tables of their parts.

/// Makes a multipart form of a struct, from a table of its parts: values, values of a media type, files, and files of a media
/// type that is theirs unless they name another.
///
/// ```
/// use dovetail_client::multipart::{FilePart, Form};
///
/// struct Upload { name: String, about: Option<u8>, photo: FilePart, more: Vec<FilePart> }
///
/// dovetail_client::form! {
///     Upload {
///         values { name: "name" }
///         values_as { about: "about" = "application/json" }
///         files { photo: "photo" }
///         files_as { more: "more" = "image/png" }
///     }
/// }
///
/// let upload = Upload { name: "x".into(), about: None, photo: FilePart::new("bytes"), more: Vec::new() };
/// let form = Form::from(&upload);
/// ```
///
/// A form that is no `multipart/form-data` begins with its subtype: `"mixed" Upload { … }`.
#[macro_export]
macro_rules! form {
    ($name:ident $table:tt) => {
        $crate::form!("form-data" $name $table);
    };
    ($subtype:literal $name:ident {
        $(values { $($value:ident: $value_wire:literal),* $(,)? })?
        $(values_as { $($typed:ident: $typed_wire:literal = $typed_media:literal),* $(,)? })?
        $(files { $($file:ident: $file_wire:literal),* $(,)? })?
        $(files_as { $($image:ident: $image_wire:literal = $image_media:literal),* $(,)? })?
    }) => {
        impl $crate::generated::From<&$name> for $crate::multipart::Form {
            fn from(parts: &$name) -> Self {
                let form = $crate::multipart::Form::of($subtype);
                $($(let form = form.value($value_wire, &parts.$value);)*)?
                $($(let form = form.value_as($typed_wire, $typed_media, &parts.$typed);)*)?
                $($(let form = form.file($file_wire, &parts.$file);)*)?
                $($(let form = form.file_as($image_wire, $image_media, &parts.$image);)*)?
                form
            }
        }
    };
}

/// Reads a struct of the headers of a response, from a table of their names.
///
/// ```
/// use dovetail_client::{FromHeaders, Headers};
/// use http::HeaderMap;
///
/// #[derive(Debug)]
/// struct ListHeaders { total: u64, next: Option<String>, tags: Vec<String> }
///
/// dovetail_client::headers! {
///     ListHeaders {
///         required { total: "X-Total" }
///         optional { next: "X-Next" }
///         required_lists { tags: "X-Tags" }
///     }
/// }
///
/// let mut map = HeaderMap::new();
/// map.insert("x-total", "7".parse()?);
/// map.insert("x-tags", "a,b".parse()?);
/// let headers = ListHeaders::from_headers(&Headers::new(&map))?;
/// assert_eq!((headers.total, headers.next, headers.tags.len()), (7, None, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[macro_export]
macro_rules! headers {
    ($name:ident {
        $(required { $($required:ident: $required_wire:literal),* $(,)? })?
        $(optional { $($optional:ident: $optional_wire:literal),* $(,)? })?
        $(required_lists { $($list:ident: $list_wire:literal),* $(,)? })?
        $(optional_lists { $($maybe:ident: $maybe_wire:literal),* $(,)? })?
    }) => {
        impl $crate::FromHeaders for $name {
            fn from_headers(
                headers: &$crate::Headers<'_>,
            ) -> $crate::generated::Result<Self, $crate::DecodeError> {
                $crate::generated::Ok(Self {
                    $($($required: headers.required($required_wire)?,)*)?
                    $($($optional: headers.optional($optional_wire)?,)*)?
                    $($($list: headers.required_list($list_wire)?,)*)?
                    $($($maybe: headers.optional_list($maybe_wire)?,)*)?
                })
            }
        }
    };
}
