//! One mistake each: what to replace in the good file, by what, and the message that must come.

pub(super) const ALL: &[(&str, &str, &str)] = &[
    (
        "refresh = 59.94",
        "refesh = 60",
        "f.toml:6: [[port]] has no key 'refesh'; did you mean 'refresh'?",
    ),
    ("splash =", "spalsh =", "f.toml:2: the file has no key 'spalsh'; did you mean 'splash'?"),
    (
        "refresh = 59.94",
        "refresh = 0",
        "f.toml:6: 'refresh' cannot be this integer; use a number of Hz from 1 to 240",
    ),
    (
        "refresh = 59.94",
        "refresh = 241.5",
        "f.toml:6: 'refresh' cannot be this float; use a number of Hz from 1 to 240",
    ),
    (
        "[1280, 720]",
        "[1280, 8]",
        "f.toml:5: 'size' cannot be this array; write size = [WIDTH, HEIGHT] with sides of 16 to 16384 pixels",
    ),
    (
        "pipelines = 2",
        "pipelines = 2\nkind = \"drm\"\nconnector = \"DP-1\"\non_close = \"off\"",
        "f.toml:11: 'on_close' means nothing for a port of kind \"drm\"; add kind = \"window\", or leave it out",
    ),
    (
        "pipelines = 2",
        "pipelines = 2\nkind = \"drm\"\nconnector = \"DP-1\"\npointer = \"plane\"",
        "f.toml:11: 'pointer' cannot be 'plane'; use 'auto', 'picture'",
    ),
    (
        "pipelines = 2",
        "pipelines = 2\nkind = \"window\"\nboot_picture = true",
        "f.toml:10: 'boot_picture' means nothing for a port of kind \"window\"; add kind = \"drm\", or leave it out",
    ),
    (
        "pipelines = 2",
        "pipelines = 2\nkind = \"window\"\ncard = \"/dev/dri/card0\"",
        "f.toml:10: 'card' means nothing for a port of kind \"window\"; add kind = \"drm\", or leave it out",
    ),
    (
        "pipelines = 2",
        "pipelines = 2\nkind = \"window\"\nparent = \"wayland-1\"",
        "f.toml:10: 'parent' cannot be this string; name the socket of the other compositor: parent = \"/run/user/1000/wayland-1\"",
    ),
    (
        "pipelines = 2",
        "pipelines = 2\nkind = \"window\"\ntitle = \"two\\nlines\"",
        "f.toml:10: 'title' cannot be this string; use a line of at most 256 bytes",
    ),
    (
        "pipelines = 2",
        "pipelines = 2\nkind = \"window\"\nclipboard_types = [\"image/png\", \"two words\"]",
        "f.toml:10: 'clipboard_types' cannot be this array; name at most 16 types, such as \"image/png\"",
    ),
    ("size = [1280, 720]", "", "f.toml:3: [[port]] has no 'size'; add size = [1280, 720]"),
    (
        "\"#101418\"",
        "\"black\"",
        "f.toml:7: 'background' cannot be this string; write a colour as \"#rrggbb\"",
    ),
    (
        "pipelines = 2",
        "pipelines = 65",
        "f.toml:8: 'pipelines' cannot be this integer; use a whole number from 1 to 64",
    ),
    (
        "pipelines = 2",
        "pipelines = 1",
        "f.toml:26: port 'main' has no pipeline left for layer 'map'; raise the port's pipelines",
    ),
    (
        "name = \"ivi\"",
        "name = \"IVI\"",
        "f.toml:10: 'IVI' is not a name; a name may hold only a-z, 0-9, '_' and '-'",
    ),
    (
        "name = \"ivi\"",
        "name = \"i\\nvi\\u001b\"",
        "f.toml:10: 'i\\nvi\\u{1b}' is not a name; a name may hold only a-z, 0-9, '_' and '-'",
    ),
    (
        "de:nodeadkeys",
        "de:",
        "f.toml:11: 'keymap' cannot be this string; write an XKB layout such as \"us\", or with a variant \"de:nodeadkeys\"",
    ),
    (
        "scanouts = 2",
        "scanouts = 1",
        "f.toml:17: guest 'ivi' has no scanout 1: it has 1, from 0; use a smaller one, or raise the guest's scanouts",
    ),
    (
        "scanouts = 2",
        "scanouts = 2\nreserve = \"64 MB\"",
        "f.toml:13: 'reserve' cannot be this string; write an amount such as \"64 MiB\", in KiB, MiB or GiB",
    ),
    (
        "scanouts = 2",
        "scanouts = 2\nreserve = \"5 GiB\"",
        "f.toml:13: 'ivi' would have 5368709120 bytes set aside, and may have 4294967296; lower reserve, or raise its limits.memory",
    ),
    (
        "scanouts = 2",
        "scanouts = 2\npriority = 10",
        "f.toml:13: 'priority' cannot be this integer; use a whole number from 0 to 9",
    ),
    (
        "scanouts = 2",
        "scanouts = 2\nlimits = { memry = 5 }",
        "f.toml:13: limits has no key 'memry'; did you mean 'memory'?",
    ),
    (
        "scanouts = 2",
        "scanouts = 17",
        "f.toml:12: 'scanouts' cannot be this integer; use a whole number from 1 to 16",
    ),
    (
        "guest = \"ivi\"",
        "guest = \"ivy\"",
        "f.toml:16: there is no guest 'ivy'; did you mean 'ivi'?",
    ),
    (
        "guest = \"ivi\"",
        "",
        "f.toml:13: [[layer]] has neither 'guest' nor 'app_id'; add guest = \"...\", or app_id = \"...\" with socket = \"...\"",
    ),
    ("port = \"main\"", "port = \"side\"", "f.toml:15: there is no port 'side'; use 'main'"),
    (
        "[0, 0, 640, 720]",
        "[1, 0, 1280, 720]",
        "f.toml:18: layer 'ivi' reaches outside port 'main', which is 1280 x 720; move it or make it smaller; to show a part of a picture, use source",
    ),
    (
        "[0, 0, 640, 720]",
        "[0, 0, 0, 720]",
        "f.toml:18: 'rect' cannot be this array; give it a width and a height of at least 1",
    ),
    (
        "[0, 0, 640, 720]",
        "[0, 0, 640]",
        "f.toml:18: 'rect' cannot be this array; write rect = [X, Y, WIDTH, HEIGHT] in whole pixels of the port",
    ),
    (
        "order = 2",
        "order = 1",
        "f.toml:29: layers 'ivi' and 'map' both have order 1 on port 'main'; give each its own; larger is above",
    ),
    (
        "order = 2",
        "",
        "f.toml:24: [[layer]] has no 'order'; add order = 1, or larger to be above other layers",
    ),
    (
        "opacity = 0.5",
        "opacity = 1.5",
        "f.toml:20: 'opacity' cannot be this float; use a number from 0 (invisible) to 1 (opaque)",
    ),
    (
        "fit = \"centre\"",
        "fit = \"center\"",
        "f.toml:22: 'fit' cannot be 'center'; did you mean 'centre'?",
    ),
    (
        "keyboard = false",
        "keyboard = \"no\"",
        "f.toml:23: 'keyboard' cannot be this string; write keyboard = true or keyboard = false",
    ),
    (
        "socket = \"viewer\"\norder",
        "order",
        "f.toml:24: [[layer]] has no 'socket'; add socket = \"...\"",
    ),
    (
        "name = \"viewer\"",
        "name = \"ivi\"",
        "f.toml:31: socket 'ivi' has the name of a guest, whose socket it would be; give it another name",
    ),
    (
        "\"0770\"",
        "\"0999\"",
        "f.toml:32: 'mode' cannot be this string; write permission bits such as \"0700\" or \"0770\"",
    ),
    (
        "\"0770\"",
        "\"0770\"\nowner = \"a b\"",
        "f.toml:33: 'owner' cannot be this string; write \"USER\" or \"USER:GROUP\", by name or number",
    ),
    (
        "\"capture:main\"",
        "\"layout\"",
        "f.toml:33: 'layout' is not a right: it does not say for which port; write \"layout:PORT\"",
    ),
    (
        "\"capture:main\"",
        "\"record:main\"",
        "f.toml:33: 'record:main' is not a right: there is no right 'record'; use 'capture', 'input', 'clipboard', 'resize', 'layout', 'power', 'safety', 'watch'",
    ),
    (
        "\"capture:main\"",
        "\"layuot:main\"",
        "f.toml:33: 'layuot:main' is not a right: there is no right 'layuot'; did you mean 'layout'?",
    ),
    (
        "\"capture:main\"",
        "\"capture:mian\"",
        "f.toml:33: right 'capture:mian' is for a port that does not exist; did you mean 'main'?",
    ),
    (
        "[\"porthole-vnc\", \"--port\", \"main\"]",
        "[]",
        "f.toml:36: 'command' cannot be this array; name the program first, then its arguments",
    ),
    (
        "socket = \"viewer\"\nrestart",
        "socket = \"viever\"\nrestart",
        "f.toml:37: there is no socket or guest 'viever'; did you mean 'viewer'?",
    ),
    (
        "RUST_LOG = \"info\"",
        "WAYLAND_DISPLAY = \"x\"",
        "f.toml:39: 'WAYLAND_DISPLAY' is the service's to set; leave it out, and name the socket with socket = \"...\"",
    ),
    ("version = 1\n", "", "f.toml:1: the file has no 'version'; add version = 1 as its first line"),
    (
        "version = 1\n",
        "version = 2\n",
        "f.toml:1: version 2 of the configuration is not known; this release reads version = 1",
    ),
];
