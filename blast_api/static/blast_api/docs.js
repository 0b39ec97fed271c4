// A section's address as people write and keep it, `#calls`, becomes the one that swagger-ui documents: `#/calls`.
"use strict";

(function () {
    function named() {
        const name = /^#\/?([\w-]+)$/.exec(window.location.hash);
        if (name) {
            window.history.replaceState(null, "", "#/" + name[1]);
        }
        return name && name[1];
    }

    named(); // before swagger-ui looks, which it does once
    window.addEventListener("hashchange", function () {
        const section = document.getElementById("operations-tag-" + named());
        if (section) {
            window.ui.layoutActions.parseDeepLinkHash(window.location.hash);
            section.scrollIntoView();
        }
    });
})();
