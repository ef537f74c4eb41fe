// The forms of these pages ask for HTML or anything else alike, for which this service answers
// JSON; their script would then leave the answer unseen and load the page again.
$(document).ajaxSend((event, request) => request.setRequestHeader("Accept", "text/html"));

// And they send the query of the page along, whose filters are unknown to anything but the list.
$(".form-horizontal, form.button-form").attr("action", location.pathname);
