// What pages do a little better with script. Everything works without it.
(function () {
  "use strict";

  // Nothing is kept in this browser. htmx would write the address of every page into the session's
  // storage; it finds none and does without. So this script comes before it.
  ["sessionStorage", "localStorage"].forEach(function (name) {
    Object.defineProperty(window, name, {
      get: function () { throw new Error("nothing is kept in this browser"); }
    });
  });

  // Escape three times within two seconds: leave at once. The page is blanked first, because
  // locking takes a moment on a slow line and somebody may be at the door.
  var presses = [];
  function leave() {
    var form = document.getElementById("leave");
    if (!form) return;
    document.title = " ";
    form.requestSubmit();
    document.body.hidden = true;
  }
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") { presses = []; return; }
    var now = Date.now();
    presses = presses.filter(function (then) { return now - then < 2000; });
    presses.push(now);
    if (presses.length >= 3) leave();
    document.querySelectorAll(".bar details[open]").forEach(function (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  });

  // One menu open at a time; a click elsewhere closes it.
  document.addEventListener("click", function (event) {
    document.querySelectorAll(".bar details[open]").forEach(function (menu) {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });

  // A page shown again from the browser's memory is asked for again: it may be locked by now.
  window.addEventListener("pageshow", function (event) {
    if (event.persisted) window.location.reload();
  });

  // After the idle time the page blanks itself and asks the server, which is the one that locks.
  var minutes = parseInt(document.body.dataset.idleMinutes, 10);
  if (document.querySelector(".side") && minutes) {
    var last = Date.now();
    ["keydown", "pointerdown", "scroll"].forEach(function (name) {
      document.addEventListener(name, function () { last = Date.now(); }, { passive: true });
    });
    window.setInterval(function () {
      if (Date.now() - last > minutes * 60000) {
        document.body.hidden = true;
        window.location.reload();
      }
    }, 15000);
  }

  // A summary of errors takes the focus, so that it is read first.
  var problems = document.querySelector(".problems");
  if (problems) problems.focus();

  // "Choose all on this page" appears only where it can work.
  document.querySelectorAll("[data-all]").forEach(function (box) {
    box.closest("label").hidden = false;
    box.addEventListener("change", function () {
      document.querySelectorAll('input[name="' + box.dataset.all + '"]').forEach(function (one) {
        one.checked = box.checked;
      });
    });
  });

  // A form is sent once.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    if (form.method === "post" && !form.closest(".bar") && !form.hasAttribute("hx-post")) {
      form.dataset.sent = "yes";
      window.setTimeout(function () { delete form.dataset.sent; }, 4000);
    }
  });

  document.querySelectorAll("[data-print]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () { window.print(); });
  });
})();
