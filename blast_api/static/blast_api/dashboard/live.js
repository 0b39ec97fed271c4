// Keeps the living part of a page alive, and the keyboard's shortcuts. Without it every page works, and stands still.
"use strict";

const INSIDE_A_FIELD = "input, select, textarea, [contenteditable]";
const SLOWER = 2; // after a failure, each time, up to
const SLOWEST_S = 30;

let timer = null;
let asking = false;
let failures = 0;
let lastAnswer = new Date();
let announced = null;

const region = () => document.getElementById("live");

// The viewer's zone, so that the server writes times as their clock does.
function tellZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const told = document.cookie.split("; ").find((pair) => pair.startsWith("zone="));
  if (!zone || told === `zone=${zone}`) return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `zone=${zone}; path=/; max-age=31536000; SameSite=Strict${secure}`;
  if (document.cookie.includes(`zone=${zone}`)) location.reload();
}

function later() {
  clearTimeout(timer);
  const live = region();
  if (!live || document.hidden) return;
  const every = Number(live.dataset.poll) || 15;
  const wait = failures ? Math.min(every * SLOWER ** failures, SLOWEST_S) : every;
  timer = setTimeout(look, wait * 1000);
}

function look() {
  const live = region();
  if (!live || document.hidden || asking) return;
  asking = true;
  htmx.trigger(live, "poll");
}

function answered(response) {
  const trouble = document.getElementById("trouble");
  asking = false;
  if (response && (response.ok || response.status === 304)) {
    failures = 0;
    lastAnswer = new Date();
    trouble.hidden = true;
  } else {
    failures += 1;
    const words = trouble.dataset.away.replace("%s", lastAnswer.toLocaleTimeString());
    if (trouble.textContent !== words) trouble.textContent = words;
    trouble.hidden = false;
  }
  later();
}

// A change of phase is said once, not each number.
function announce() {
  const live = region();
  const state = live && live.dataset.state;
  if (!state || state === announced) return;
  const said = document.getElementById("announced");
  if (announced !== null && said) said.textContent = live.querySelector(".status").textContent;
  announced = state;
}

document.addEventListener("htmx:before:swap", (event) => {
  if (event.target.id === "live" && event.detail.ctx.response && event.detail.ctx.response.status >= 400) event.preventDefault();
});
document.addEventListener("htmx:finally:request", (event) => {
  if (event.target.id !== "live") return;
  answered(event.detail.ctx.response && event.detail.ctx.response.raw ? event.detail.ctx.response.raw : event.detail.ctx.response);
});
document.addEventListener("htmx:after:swap", announce);
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
window.addEventListener("online", look);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(INSIDE_A_FIELD)) return;
  const search = document.querySelector("input[type=search]");
  if (event.key === "/" && search) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "?") {
    document.getElementById("keys-help").togglePopover();
  } else if (event.key === "g") {
    location.assign("/");
  }
});

document.addEventListener("DOMContentLoaded", () => {
  tellZone();
  announce();
  later();
});
