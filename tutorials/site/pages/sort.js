// A click on the head of a table's column sorts its rows; a second click turns the order round.

// Numbers by their size, other texts by the alphabet; empty cells come last either way.
function compare(a, b, descending) {
  if (a === "" || b === "") return (a === "") - (b === "");
  const [x, y] = [a, b].map((text) => Number(text.replaceAll(",", "")));
  const order = Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
  return descending ? -order : order;
}

function sortRows(table, column, descending) {
  const text = (row) => row.cells[column].textContent.trim();
  const body = table.tBodies[0];
  body.append(...[...body.rows].sort((a, b) => compare(text(a), text(b), descending)));
}

function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    button.style = "font: inherit; color: inherit; text-align: inherit; cursor: pointer";
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sortRows(table, column, descending);
    });
    head.replaceChildren(button);
  });
}

document.querySelectorAll("article table:has(thead)").forEach(makeSortable);
