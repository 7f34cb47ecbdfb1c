/* Small things that the theme leaves out. Nothing is loaded from elsewhere, and without it all pages can be read. */
"use strict";

/* A table that is wider than the screen: with few columns each row becomes a block, each cell with the name of its column
   before it; with many it scrolls, and says so. */
function fitTables() {
  for (const table of document.querySelectorAll(".bd-article table:not(.field-list)")) {
    table.classList.remove("stacked");
    const names = [...table.querySelectorAll("thead tr:last-child th")].map((cell) => cell.textContent.trim());
    const wide = table.scrollWidth > table.clientWidth + 1;
    const columns = names.length || table.rows[0]?.cells.length;
    const stacked = wide && columns > 1 && columns <= 5;
    table.classList.toggle("stacked", stacked);
    table.classList.toggle("scrolls", wide && !stacked);
    if (wide) table.tabIndex = 0; // so that the arrow keys scroll it
    if (stacked) {
      for (const row of table.querySelectorAll("tbody tr")) {
        [...row.children].forEach((cell, i) => {
          cell.dataset.column = names[i] ? names[i] + ": " : "";
          cell.classList.toggle("nothing", !cell.textContent.trim());
        });
      }
    }
    const hint = table.previousElementSibling;
    const hinted = hint?.classList.contains("scroll-hint");
    if (wide && !stacked && !hinted) {
      table.insertAdjacentHTML("beforebegin", '<p class="scroll-hint" aria-hidden="true">The table scrolls sideways →</p>');
    } else if (hinted && (!wide || stacked)) {
      hint.remove();
    }
  }
}

/* A long name at the head of a page breaks between its words: GradientFlow|Display. */
function breakNames() {
  for (const text of [...document.querySelectorAll(".bd-article h1")].map((h1) => h1.firstChild)) {
    if (text?.nodeType !== Node.TEXT_NODE || text.data.includes(" ")) continue;
    const words = text.data.split(/(?<=[a-z])(?=[A-Z])|(?<=_)/);
    text.replaceWith(...words.flatMap((word, i) => (i ? [document.createElement("wbr"), word] : [word])));
  }
}

/* A picture opens in full when it is clicked. */
function openPictures() {
  for (const img of document.querySelectorAll(".bd-article img")) {
    if (img.closest("a, .sphx-glr-thumbcontainer")) continue;
    const link = document.createElement("a");
    const larger = (img.getAttribute("srcset") || "").split(",").pop().trim().split(/\s+/)[0];
    link.href = larger || img.src;
    link.className = "picture";
    link.title = "open the picture in full";
    img.replaceWith(link);
    link.append(img);
  }
}

/* What the search shows of a page is of its text, not of the links above and below it. */
function trimSearch() {
  if (typeof Search === "undefined" || !Search.htmlToText) return;
  const toText = Search.htmlToText;
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const around = ".bd-header-article, .prev-next-footer, .bd-sidebar-secondary, .sphx-glr-download-link-note";
    page.querySelectorAll(around).forEach((element) => element.remove());
    return toText(page.documentElement.outerHTML, anchor).replace(/\s+/g, " ");
  };
}

document.addEventListener("DOMContentLoaded", () => {
  trimSearch();
  breakNames();
  openPictures();
  fitTables();
  let waiting;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(fitTables, 150);
  });
});
window.addEventListener("load", fitTables);
